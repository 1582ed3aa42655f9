"""The page's own machinery: answers that are kept, forms that cannot be forged, who may come in."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from transship.config import Config
from transship.console import forms
from transship.console.forgery import Forgery, check_origin, new_cookie
from transship.console.kept import Kept
from transship.errors import InvalidEvent, InvalidReference, Refused, ServiceUnavailable
from transship.model.messages import decode_message
from transship.model.naming import ServiceName
from transship.model.people import People, Role, parse_people

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA = "ada@example.com"
WEB = ServiceName(project="sample-project", region="asia-northeast1", service="web")
CONFIG = Config.from_env(
    {
        "TRANSSHIP_PROJECT": "sample-project",
        "TRANSSHIP_REGION": "asia-northeast1",
        "TRANSSHIP_MIRRORS": "docker.io=asia-northeast1-docker.pkg.dev/sample-project/docker",
        "TRANSSHIP_DEPLOY_TOPIC": "projects/sample-project/topics/transship-deploy",
    }
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_answer_is_kept_for_its_time_and_no_longer() -> None:
    clock = Clock()
    kept, asked = Kept(clock=clock), iter(range(10))

    answers = []
    for clock.now in (0.0, 9.9, 10.0):
        answers.append(kept.get("key", lambda: next(asked), seconds=10))

    assert answers == [0, 0, 1]


def test_ten_who_wait_ask_once() -> None:
    kept, begun, asked = Kept(), threading.Barrier(10), []

    def ask() -> str:
        asked.append(1)
        return "answer"

    def visit(_: int) -> str:
        begun.wait()
        return kept.get("key", ask, seconds=60)

    with ThreadPoolExecutor(10) as pool:
        answers = set(pool.map(visit, range(10)))

    assert (answers, len(asked)) == ({"answer"}, 1)


def test_an_error_is_kept_as_an_answer_is() -> None:
    kept, asked = Kept(), []

    def fail() -> None:
        asked.append(1)
        raise ServiceUnavailable("down")

    for _ in range(3):
        with pytest.raises(ServiceUnavailable, match="down"):
            kept.get("key", fail, seconds=60)
    assert len(asked) == 1


def test_what_was_dropped_is_asked_again_and_the_oldest_are_forgotten() -> None:
    kept, asked = Kept(limit=2), iter(range(10))

    def get(key: str) -> int:
        return kept.get(key, lambda: next(asked), seconds=60)

    assert [get("a"), get("a")] == [0, 0]
    kept.drop("a")
    assert [get("a"), get("b"), get("c"), get("a")] == [1, 2, 3, 4]


def test_a_form_of_our_own_is_taken() -> None:
    forgery, cookie = Forgery(("a" * 32,)), new_cookie()

    forgery.check(forgery.token(ADA, cookie, now=NOW), ADA, cookie, now=NOW + timedelta(hours=11))


def test_a_key_that_is_being_exchanged_still_counts() -> None:
    cookie = new_cookie()
    token = Forgery(("old" * 8,)).token(ADA, cookie, now=NOW)

    Forgery(("new" * 8, "old" * 8)).check(token, ADA, cookie, now=NOW)
    with pytest.raises(Refused, match="somebody else"):
        Forgery(("new" * 8,)).check(token, ADA, cookie, now=NOW)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"email": "eve@example.com"}, "for somebody else"),
        ({"cookie": new_cookie()}, "for somebody else"),
        ({"cookie": ""}, "no valid token"),
        ({"token": ""}, "no valid token"),
        ({"token": f"1.{'0' * 64}"}, "for somebody else"),
        ({"now": NOW + timedelta(hours=12)}, "too long"),
    ],
)
def test_a_form_that_was_forged_or_is_old_is_refused(change: dict[str, str], says: str) -> None:
    forgery, cookie = Forgery(("a" * 32,)), new_cookie()
    sent: dict[str, object] = {
        "token": forgery.token(ADA, cookie, now=NOW),
        "email": ADA,
        "cookie": cookie,
        "now": NOW,
        **change,
    }

    with pytest.raises(Refused, match=says):
        forgery.check(sent["token"], sent["email"], sent["cookie"], now=sent["now"])  # type: ignore[arg-type]  # a table


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"origin": "https://page.example"}, True),
        ({"origin": "https://page.example", "sec-fetch-site": "same-origin"}, True),
        # A proxy on the own machine, which has another name than what is behind it.
        ({"origin": "http://localhost:8080", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "http://localhost:8080"}, False),
        ({"origin": "https://page.example", "sec-fetch-site": "cross-site"}, False),
        ({"origin": "https://page.example", "sec-fetch-site": "same-site"}, False),
        ({"origin": "https://page.example.evil.org"}, False),
        ({"origin": "null"}, False),
        ({}, False),
    ],
)
def test_only_our_own_origin_may_post(headers: dict[str, str], *, is_ours: bool) -> None:
    if is_ours:
        check_origin(headers, "page.example")
    else:
        with pytest.raises(Refused):
            check_origin(headers, "page.example")


@pytest.mark.parametrize(
    ("email", "role"),
    [
        ("ada@example.com", Role.OPERATOR),
        ("ADA@EXAMPLE.COM", Role.OPERATOR),
        ("eve@example.com", Role.VIEWER),
        ("eve@sub.example.com", None),
        ("eve@example.org", None),
        ("@example.com", None),
        ("", None),
    ],
)
def test_people_are_operators_viewers_or_nobody(email: str, role: Role | None) -> None:
    people = People(viewers=parse_people(["@example.com"]), operators=parse_people([ADA]))

    person = people.admit(email)

    assert (person.role if person else None) is role


@pytest.mark.parametrize("text", ["example.com", "*@example.com", "a b@example.com", "@", "@.com"])
def test_a_person_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="right is ada@"):
        parse_people([text])


@pytest.mark.parametrize("kind", sorted(forms.BUTTONS))
def test_every_button_is_a_message_that_is_understood(kind: str) -> None:
    fields = {"why": "because", "digest": f"sha256:{'1' * 64}", "revision": "web-1", "by": "eve"}

    form = forms.steering_form(kind, WEB, fields, by=ADA)

    message = decode_message(form.data)
    assert (message.kind, message.by) == (kind, ADA)  # type: ignore[union-attr]  # a steering
    assert form.attributes(ADA) == {"kind": kind, "service": "web", "by": ADA}


def test_the_form_says_what_the_command_says() -> None:
    form = forms.deploy_form(
        CONFIG, {"image": "nginx:1.27", "port": "80", "public": "1", "token": "secret"}
    )

    assert form.document == {
        "image": "nginx:1.27",
        "service": "nginx",
        "port": 80,
        "allow_unauthenticated": True,
    }
    commands = forms.commands(CONFIG, form)
    assert commands["transship"] == (
        "transship deploy nginx:1.27 --service=nginx --port=80 --allow-unauthenticated"
    )
    assert commands["gcloud"].startswith(
        "gcloud pubsub topics publish transship-deploy --project=sample-project --message='{"
    )


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"image": ""}, InvalidReference),
        ({"image": "nginx:"}, InvalidReference),
        ({"image": "nginx", "service": "Not a name"}, InvalidEvent),
        ({"image": "nginx", "port": "80; rm"}, InvalidEvent),
        ({"image": "nginx", "port": "70000"}, InvalidEvent),
    ],
)
def test_a_wrong_form_says_what_is_wrong(fields: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        forms.deploy_form(CONFIG, fields)
