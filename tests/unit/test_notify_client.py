"""What is sent to people's own tools: signed, escaped, only outside, and within its time."""

import base64
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.receiver import Receiver, receiver
from transship.clients.notify import Teller, signature, slack_body
from transship.errors import AccessDenied, RateLimited, Refused, ServiceUnavailable
from transship.model.destination import Destination, parse_destinations
from transship.model.notice import Event, decode_event

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
__all__ = ["receiver"]

HOOK = Destination(name="audit", kind="webhook", url="https://hooks.example/in", secret=SECRET)
SLACK = Destination(name="ops", kind="slack", url="https://hooks.slack.com/services/T/B/x")
NEW, OLD = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def event(kind: str = "deployed", **data: Any) -> Event:
    said = {
        "specversion": "1.0",
        "id": "1.outcome",
        "type": f"dev.transship.{kind}.v1",
        "time": NOW.isoformat(),
        "data": {"event_id": "1", "service": "web", "image": "docker.io/library/nginx:1", **data},
    }
    return decode_event(json.dumps(said).encode())


def teller(receiver: Receiver, *, seconds: float = 5.0) -> Teller:
    hosts = {"hooks.example": receiver.url, "hooks.slack.com": receiver.url}
    return Teller(hosts=hosts, now=lambda: NOW, seconds=seconds)


def test_a_webhook_is_signed_as_standard_webhooks_has_it(receiver: Receiver) -> None:
    raw = b'{"id": "1.outcome"}'

    teller(receiver)(HOOK, event(), raw)

    [(path, headers, body)] = receiver.got
    assert (path, body) == ("/in", raw)
    assert headers["host"] == "hooks.example"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    right = base64.b64encode(hmac.digest(b"k" * 24, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{right}"
    assert headers["webhook-id"] == "1.outcome"


def test_what_the_page_tells_receivers_to_do_tells_ours_from_others(receiver: Receiver) -> None:
    page = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own document
    is_ours = names["is_ours"]
    Teller(hosts={"hooks.example": receiver.url}, now=lambda: datetime.now(UTC))(
        HOOK, event(), b"{}"
    )
    [(_, headers, body)] = receiver.got
    late = headers | signature(HOOK.key, headers["webhook-id"], body, NOW)

    assert is_ours(headers, body, SECRET)
    assert not is_ours(headers, body + b" ", SECRET)
    assert not is_ours(headers | {"webhook-id": "2.outcome"}, body, SECRET)
    assert not is_ours(headers, body, "whsec_" + base64.b64encode(b"x" * 24).decode())
    assert not is_ours(late, body, SECRET)


def test_the_signature_is_that_of_the_specifications_example() -> None:
    # https://github.com/standard-webhooks/standard-webhooks, libraries' own test vector.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)

    said = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', at)

    assert said["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_slack_hears_what_moved_why_and_where_to_look() -> None:
    body = json.loads(
        slack_body(
            event(
                child_digest=NEW,
                previous_digest=OLD,
                reason="new_image",
                changed=True,
                url="https://web.example",
                project="sample-project",
                region="asia-northeast1",
            )
        )
    )

    [section] = body["blocks"]
    text = section["text"]["text"]
    assert "bbbbbbbbbbbb → aaaaaaaaaaaa" in text
    assert "reason: new image" in text
    assert "<https://web.example|the service>" in text
    assert "console.cloud.google.com/run/detail/asia-northeast1/web" in text


@pytest.mark.parametrize(
    "hostile", ["<!channel>", "<https://evil.example|click>", "*bold*", "_it_", "`code`", "&lt;"]
)
def test_nothing_that_an_image_says_is_markup(hostile: str) -> None:
    body = slack_body(event(detail=hostile, image=hostile, service=hostile, url=hostile))

    text = json.loads(body)["blocks"][0]["text"]["text"]
    said = text.replace("*", "", 2)
    assert hostile not in said
    assert "<!channel>" not in text


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, AccessDenied),
        (404, AccessDenied),
        (410, AccessDenied),
        (302, AccessDenied),
        (408, ServiceUnavailable),
        (429, RateLimited),
        (500, ServiceUnavailable),
        (503, ServiceUnavailable),
    ],
)
def test_a_refusal_is_for_good_or_for_now(
    receiver: Receiver, status: int, error: type[Exception]
) -> None:
    receiver.status = status

    with pytest.raises(error):
        teller(receiver)(SLACK, event(), b"{}")
    assert len(receiver.got) == 1


def test_a_receiver_that_does_not_answer_is_left(receiver: Receiver) -> None:
    receiver.held.clear()

    with pytest.raises(ServiceUnavailable):
        teller(receiver, seconds=0.2)(SLACK, event(), b"{}")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/computeMetadata/v1/",
        "https://metadata.google.internal/x",
        "https://[::1]/x",
        "https://localhost/x",
    ],
)
def test_nothing_is_sent_inside(url: str) -> None:
    inside = Destination(name="inside", kind="slack", url=url)

    with pytest.raises(Refused):
        Teller(hosts={}, now=lambda: NOW)(inside, event(), b"{}")


def test_destinations_are_read_with_what_they_want() -> None:
    [found] = parse_destinations(
        json.dumps([{**msgspec.to_builtins(SLACK), "services": ["prod-*"], "types": ["failed"]}])
    )

    assert found.wants("failed", "prod-web")
    assert not found.wants("failed", "dev-web")
    assert not found.wants("deployed", "prod-web")


def test_an_outcome_without_a_service_is_wanted_by_who_wants_all() -> None:
    assert SLACK.wants("rejected", "")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"url": "http://hooks.example/in"}, "url is wrong"),
        ({"url": "https://user:pass@hooks.example"}, "url is wrong"),
        ({"secret": ""}, "secret is wrong"),
        ({"secret": "hunter2"}, "secret is wrong"),
        ({"secret": "whsec_c2hvcnQ="}, "secret is wrong"),
        ({"kind": "slack"}, "no secret"),
        ({"kind": "fax"}, "kind"),
        ({"types": ["done"]}, "'done'"),
        ({"services": ["a b"]}, "pattern"),
        ({"name": "A b"}, "name"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_wrong_destination_is_named_and_its_secret_is_not(
    change: dict[str, Any], says: str
) -> None:
    document = [{**msgspec.to_builtins(HOOK), **change}]

    with pytest.raises(ValueError, match=says) as refused:
        parse_destinations(json.dumps(document))
    assert "hunter2" not in str(refused.value)
    assert "pass@" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', '[{"secret": "hunter2"'])
def test_what_are_no_destinations_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse_destinations(text)
    assert "hunter2" not in str(refused.value)


def test_two_destinations_have_two_names() -> None:
    document = json.dumps([msgspec.to_builtins(SLACK)] * 2)

    with pytest.raises(ValueError, match="name of its own"):
        parse_destinations(document)
