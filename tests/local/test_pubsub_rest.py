import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.pubsub.emulator import Emulator

TOPIC = "projects/sample-project/topics/transship-deploy"
NAME = "projects/sample-project/subscriptions/deploy"


class Rest:
    def __init__(self, emulator: Emulator) -> None:
        self._address = urlsplit(emulator.rest_url).netloc

    def __call__(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """The status, and the document."""
        connection = http.client.HTTPConnection(self._address, timeout=10)
        try:
            text = body if isinstance(body, str) else json.dumps(body or {})
            connection.request(method, f"/v1/{path}", text)
            response = connection.getresponse()
            return response.status, json.load(response)
        finally:
            connection.close()


@pytest.fixture
def rest() -> Iterator[Rest]:
    with Emulator() as emulator:
        call = Rest(emulator)
        call("PUT", TOPIC)
        call("PUT", NAME, {"topic": TOPIC, "labels": {"kept": "yes"}})
        yield call


def test_an_update_changes_what_its_mask_names(rest: Rest) -> None:
    wanted = {"ackDeadlineSeconds": 60, "labels": {"lost": "yes"}}
    status, document = rest(
        "PATCH", NAME, {"subscription": wanted, "updateMask": "ackDeadlineSeconds"}
    )
    assert status == 200
    assert (document["ackDeadlineSeconds"], document["labels"]) == (60, {"kept": "yes"})


def test_a_list_goes_on_where_its_page_ended(rest: Rest) -> None:
    rest("PUT", f"{TOPIC}-second")
    first = rest("GET", "projects/sample-project/topics?pageSize=1")[1]
    token = first["nextPageToken"]
    second = rest("GET", f"projects/sample-project/topics?pageSize=1&pageToken={token}")[1]
    names = [page["topics"][0]["name"] for page in (first, second)]
    assert names == [TOPIC, f"{TOPIC}-second"]
    assert "nextPageToken" not in second


def test_a_lease_can_be_given_back(rest: Rest) -> None:
    rest("POST", f"{TOPIC}:publish", {"messages": [{"attributes": {"kind": "image"}}]})
    pull = {"maxMessages": 1}
    first = rest("POST", f"{NAME}:pull", pull)[1]["receivedMessages"][0]
    rest("POST", f"{NAME}:modifyAckDeadline", {"ackIds": [first["ackId"]], "ackDeadlineSeconds": 0})
    second = rest("POST", f"{NAME}:pull", pull)[1]["receivedMessages"][0]
    assert first["message"] == second["message"]
    assert first["ackId"] != second["ackId"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "name"),
    [
        ("PUT", TOPIC, None, 409, "ALREADY_EXISTS"),
        ("GET", f"{TOPIC}-absent", None, 404, "NOT_FOUND"),
        ("PUT", f"{TOPIC}-new", "{", 400, "INVALID_ARGUMENT"),
        ("PUT", f"{TOPIC}-new", "[]", 400, "INVALID_ARGUMENT"),
        ("PUT", f"{TOPIC}-new", {"nonsense": 1}, 400, "INVALID_ARGUMENT"),
        ("POST", f"{TOPIC}:publish", {"messages": [{}]}, 400, "INVALID_ARGUMENT"),
        ("POST", f"{NAME}:seek", None, 501, "UNIMPLEMENTED"),
        ("GET", f"{TOPIC}?pageSize=1", None, 501, "UNIMPLEMENTED"),
    ],
)
def test_a_refusal_has_the_status_of_its_code(
    rest: Rest, *, method: str, path: str, body: object, status: int, name: str
) -> None:
    code, document = rest(method, path, body)
    assert (code, document["error"]["code"], document["error"]["status"]) == (status, status, name)
