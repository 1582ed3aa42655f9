import base64
import json
from typing import Any

import pytest
from google.pubsub_v1 import types

from local.pubsub.backlog import Lease
from local.pubsub.push_request import push_request

NAME = "projects/sample-project/subscriptions/deploy"
ACCOUNT = "transship-deploy@sample-project.iam.gserviceaccount.com"


def request(push: dict[str, Any] | None = None, **message: Any) -> tuple[bytes, dict[str, str]]:
    settings = types.Subscription(
        name=NAME, push_config={"push_endpoint": "https://function/path", **(push or {})}
    )
    lease = Lease(ack_id="1", message=types.PubsubMessage(message), attempt=1, ends=0)
    return push_request(settings, lease)


def test_what_a_message_lacks_is_left_out_of_the_body() -> None:
    body, _headers = request(attributes={"kind": "image"}, message_id="7")
    message = json.loads(body)["message"]
    assert message["attributes"] == {"kind": "image"}
    assert "data" not in message
    assert "orderingKey" not in message


def test_nothing_is_said_of_an_identity_that_was_not_asked_for() -> None:
    _body, headers = request(data=b"data")
    assert "Authorization" not in headers


def test_the_audience_is_the_endpoint_unless_it_is_named() -> None:
    _body, headers = request({"oidc_token": {"service_account_email": ACCOUNT}}, data=b"data")
    claims = headers["Authorization"].split(".")[1]
    document = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert (document["aud"], document["email"]) == ("https://function/path", ACCOUNT)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("two words", "v"),
        ("line", "a\r\nAuthorization: forged"),
        ("umlaut", "ä"),
        ("Authorization", "forged"),
        ("content-length", "0"),
    ],
)
def test_an_attribute_that_is_no_header_of_its_own_stays_out(key: str, value: str) -> None:
    push = {"no_wrapper": {"write_metadata": True}}
    body, headers = request(push, data=b"data", attributes={key: value, "hostname": "kept"})
    assert body == b"data"
    assert headers["hostname"] == "kept"
    assert key not in headers


def test_an_attribute_cannot_pass_for_metadata() -> None:
    push = {"no_wrapper": {"write_metadata": True}}
    forged = {"X-Goog-PubSub-Message-ID": "forged"}
    _body, headers = request(push, data=b"data", attributes=forged, message_id="7")
    assert headers["x-goog-pubsub-message-id"] == "7"
    assert "forged" not in headers.values()
