"""What a push request looks like, whoever implements Pub/Sub.

https://cloud.google.com/pubsub/docs/push and https://cloud.google.com/pubsub/docs/payload-unwrapping
"""

import base64
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import functions_framework
from werkzeug.serving import make_server

from local.pubsub.emulator import Emulator
from local.pubsub.google_emulator import GoogleEmulator
from tests.fixtures.pubsub import PROJECT, PubSubContract, World
from tests.local.pubsub_receiver import Hit


class PushRequestContract(PubSubContract):
    def pushed(self, world: World, data: bytes = b"data", **settings: Any) -> Hit:
        """The first push request of a message with an attribute and an ordering key."""
        topic = world.topic()
        path = world.path()
        push = world.push_to(path, **settings.pop("push", {}))
        world.subscription(topic, push_config=push, **settings)
        world.publish(topic, data, key="key", image="docker.io/library/nginx:1.27")
        return world.receiver.wait(path)[0]

    def test_a_push_request_wraps_the_message(self, world: World) -> None:
        hit = self.pushed(world)
        assert hit.data == b"data"
        assert hit.message["attributes"] == {"image": "docker.io/library/nginx:1.27"}
        assert hit.document["subscription"].startswith(f"{PROJECT}/subscriptions/")
        assert hit.message["messageId"] == hit.message["message_id"]
        assert hit.message["publishTime"] == hit.message["publish_time"]
        assert hit.headers["content-type"] == "application/json"

    def test_a_push_request_tells_the_ordering_key(self, world: World) -> None:
        assert self.pushed(world).message["orderingKey"] == "key"

    def test_a_push_request_tells_the_attempt_when_there_is_a_dead_letter_topic(
        self, world: World
    ) -> None:
        policy = {"dead_letter_topic": world.topic(), "max_delivery_attempts": 5}
        assert self.pushed(world, dead_letter_policy=policy).document["deliveryAttempt"] == 1
        assert "deliveryAttempt" not in self.pushed(world).document

    def test_a_push_request_carries_an_identity_token(self, world: World) -> None:
        account = "pusher@sample-project.iam.gserviceaccount.com"
        token = {"service_account_email": account, "audience": "https://receiver/path"}
        authorization = self.pushed(world, push={"oidc_token": token}).headers["authorization"]
        claims = authorization.removeprefix("Bearer ").split(".")[1]
        document = json.loads(base64.urlsafe_b64decode(claims + "=="))
        assert (document["aud"], document["email"]) == ("https://receiver/path", account)
        assert document["email_verified"] is True

    def test_an_unwrapped_push_request_is_the_data(self, world: World) -> None:
        hit = self.pushed(world, b"raw", push={"no_wrapper": {"write_metadata": False}})
        assert hit.body == b"raw"
        assert "x-goog-pubsub-message-id" not in hit.headers

    def test_an_unwrapped_push_request_has_its_metadata_in_headers(self, world: World) -> None:
        hit = self.pushed(world, b"raw", push={"no_wrapper": {"write_metadata": True}})
        assert hit.body == b"raw"
        assert hit.headers["x-goog-pubsub-message-id"]
        assert hit.headers["x-goog-pubsub-subscription-name"].startswith(f"{PROJECT}/subscr")
        assert hit.headers["x-goog-pubsub-ordering-key"] == "key"
        assert hit.headers["image"] == "docker.io/library/nginx:1.27"

    def test_the_functions_framework_understands_a_push(self, world: World, tmp_path: Path) -> None:
        with Function(tmp_path) as function:
            topic = world.topic()
            endpoint = f"{function.url}/{topic}"
            world.subscription(topic, push_config={"push_endpoint": endpoint})
            message_id = world.publish(topic, b"data", image="nginx")
            event = function.event()
        assert event["source"] == f"//pubsub.googleapis.com/{topic}"
        assert event["type"] == "google.cloud.pubsub.topic.v1.messagePublished"
        assert event["id"] == message_id
        assert base64.b64decode(event["data"]["message"]["data"]) == b"data"
        assert event["data"]["message"]["attributes"] == {"image": "nginx"}


class TestLocalPushRequest(PushRequestContract):
    implementation = Emulator


class TestGooglePushRequest(PushRequestContract):
    implementation = GoogleEmulator
    differences: ClassVar[dict[str, str]] = {
        **dict.fromkeys(
            [
                "test_a_push_request_tells_the_ordering_key",
                "test_a_push_request_tells_the_attempt_when_there_is_a_dead_letter_topic",
            ],
            "Google's emulator leaves fields out of the push body",
        ),
        "test_an_unwrapped_push_request_has_its_metadata_in_headers": (
            "Google's emulator calls that header x-goog-ordering-key"
        ),
        "test_a_push_request_carries_an_identity_token": "Google's emulator makes no tokens",
    }


class Function:
    """A CloudEvent function in the functions framework, as Cloud Run functions run it."""

    _SOURCE = """
import json, pathlib
import functions_framework

@functions_framework.cloud_event
def record(event):
    document = {"id": event["id"], "source": event["source"], "type": event["type"]}
    pathlib.Path(__file__).with_name("event.json").write_text(
        json.dumps({**document, "data": event.data})
    )
"""

    def __init__(self, folder: Path) -> None:
        source = folder / "main.py"
        source.write_text(self._SOURCE)
        self._event = folder / "event.json"
        self._answered = threading.Event()
        self._app = functions_framework.create_app(  # type: ignore[no-untyped-call]  # it has no annotations
            "record", str(source), "cloudevent"
        )
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def event(self) -> Any:
        assert self._answered.wait(15), "no event"
        return json.loads(self._event.read_text())

    def _serve(self, environ: Any, start_response: Callable[..., Any]) -> Any:
        answer = self._app(environ, start_response)
        self._answered.set()
        return answer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
