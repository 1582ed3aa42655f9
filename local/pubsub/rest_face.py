"""The published REST face, as far as `gcloud pubsub` needs it.

https://cloud.google.com/pubsub/docs/reference/rest
"""

import http.server
import json
import logging
import re
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import grpc
from google.protobuf import json_format
from google.pubsub_v1 import types

from local.parameters import unknown_parameter
from local.pubsub.api import Api
from local.pubsub.refusal import Refused, invalid, unimplemented
from local.pubsub.wire import pb
from local.serving import end, serve

log = logging.getLogger(__name__)

_THREADS = 16
_CONNECTIONS = 64
_TIMEOUT = 30.0
_PAGES = frozenset({"pageSize", "pageToken"})
# Base64 makes 4 bytes of 3, so that a request of 10 MB is allowed.
_BODY = 16 * 1024 * 1024

# https://cloud.google.com/apis/design/errors#handling_errors
_HTTP = {
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.UNIMPLEMENTED: 501,
}

_TOPIC = r"(?P<topic>projects/[^/]+/topics/[^/:]+)"
_SUBSCRIPTION = r"(?P<subscription>projects/[^/]+/subscriptions/[^/:]+)"
_PROJECT = r"(?P<project>projects/[^/]+)"
_NAMED_TOPIC = _TOPIC.replace("<topic>", "<name>")
_NAMED_SUBSCRIPTION = _SUBSCRIPTION.replace("<subscription>", "<name>")

_ROUTES: list[tuple[str, str, Any, Callable[..., Any]]] = [
    ("PUT", _NAMED_TOPIC, types.Topic, Api.create_topic),
    ("PATCH", _TOPIC, types.UpdateTopicRequest, Api.update_topic),
    ("GET", _TOPIC, types.GetTopicRequest, Api.get_topic),
    ("DELETE", _TOPIC, types.DeleteTopicRequest, Api.delete_topic),
    ("GET", rf"{_PROJECT}/topics", types.ListTopicsRequest, Api.list_topics),
    ("POST", rf"{_TOPIC}:publish", types.PublishRequest, Api.publish),
    (
        "GET",
        rf"{_TOPIC}/subscriptions",
        types.ListTopicSubscriptionsRequest,
        Api.list_topic_subscriptions,
    ),
    ("PUT", _NAMED_SUBSCRIPTION, types.Subscription, Api.create_subscription),
    ("PATCH", _SUBSCRIPTION, types.UpdateSubscriptionRequest, Api.update_subscription),
    ("GET", _SUBSCRIPTION, types.GetSubscriptionRequest, Api.get_subscription),
    ("DELETE", _SUBSCRIPTION, types.DeleteSubscriptionRequest, Api.delete_subscription),
    (
        "GET",
        rf"{_PROJECT}/subscriptions",
        types.ListSubscriptionsRequest,
        Api.list_subscriptions,
    ),
    ("POST", rf"{_SUBSCRIPTION}:pull", types.PullRequest, Api.pull),
    ("POST", rf"{_SUBSCRIPTION}:acknowledge", types.AcknowledgeRequest, Api.acknowledge),
    (
        "POST",
        rf"{_SUBSCRIPTION}:modifyAckDeadline",
        types.ModifyAckDeadlineRequest,
        Api.modify_ack_deadline,
    ),
    (
        "POST",
        rf"{_SUBSCRIPTION}:modifyPushConfig",
        types.ModifyPushConfigRequest,
        Api.modify_push_config,
    ),
]


class RestFace:
    def __init__(self, api: Api) -> None:
        self._server = _Server(api)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def start(self) -> None:
        serve(self._server, "pubsub-rest-face")

    def stop(self) -> None:
        end(self._server)


class _Server(http.server.HTTPServer):
    request_queue_size = _CONNECTIONS

    def __init__(self, api: Api) -> None:
        self.api = api
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="pubsub-rest")
        self._slots = threading.BoundedSemaphore(_CONNECTIONS)
        super().__init__(("127.0.0.1", 0), _Exchange)

    def process_request(self, request: Any, client_address: Any) -> None:
        # Beyond these, connections wait in the kernel's queue, which is as long.
        self._slots.acquire()
        self._pool.submit(self._serve, request, client_address)

    def server_close(self) -> None:
        super().server_close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError as error:
            log.debug("connection of %s ended: %s", client_address, error)
        finally:
            self.shutdown_request(request)
            self._slots.release()


class _Waiting:
    """The call of a method over HTTP: whether its client is still there shows when we answer."""

    def is_active(self) -> bool:
        return True

    def time_remaining(self) -> float | None:
        return None


class _Exchange(http.server.BaseHTTPRequestHandler):
    server: _Server
    timeout = _TIMEOUT
    # One request per connection, so that an idle client does not keep a thread.
    protocol_version = "HTTP/1.0"
    wbufsize = -1

    def _answer(self) -> None:
        try:
            document = self._call()
            status = 200
        except Refused as refused:
            if refused.code is grpc.StatusCode.UNIMPLEMENTED:
                log.warning("refused: %s", refused.message)
            status = _HTTP[refused.code]
            document = {
                "error": {
                    "code": status,
                    "message": refused.message,
                    "status": refused.code.name,
                }
            }
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_DELETE = do_GET = do_PATCH = do_POST = do_PUT = _answer  # noqa: N815 - http.server's names

    def _call(self) -> Mapping[str, Any]:
        url = urlsplit(self.path)
        path = unquote(url.path).removeprefix("/v1/")
        body = self._body()
        for verb, pattern, kind, method in _ROUTES:
            match = re.fullmatch(pattern, path)
            if verb == self.command and match:
                pages = _PAGES if "page_token" in kind.meta.fields else frozenset()
                if unknown := unknown_parameter(url.query, pages):
                    raise unimplemented(f"the parameter {unknown!r} of {self.command} {url.path}")
                query = {key: text for key, text in parse_qsl(url.query) if key in pages}
                request = _request(kind, {**body, **query}, match.groupdict())
                response = method(self.server.api, request, _Waiting())
                return _document(response)
        raise unimplemented(f"{self.command} {url.path}")

    def _body(self) -> dict[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _BODY:
            raise invalid(f"The body has {length} bytes; at most {_BODY} are allowed.")
        text = self.rfile.read(length)
        try:
            document = json.loads(text) if text else {}
        except ValueError as error:
            raise invalid(f"Invalid JSON payload received: {error}") from error
        if not isinstance(document, dict):
            raise invalid("Invalid JSON payload received: expected an object.")
        return document

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        log.debug(format, *args)


def _request(kind: Any, document: dict[str, Any], names: Mapping[str, str]) -> Any:
    request = kind()
    fields = pb(request)
    try:
        json_format.ParseDict(document, fields, ignore_unknown_fields=False)
    except json_format.ParseError as error:
        raise invalid(f"Invalid JSON payload received: {error}") from error
    for field, value in names.items():
        target = getattr(fields, field)
        if isinstance(target, str):
            setattr(fields, field, value)
        else:
            target.name = value  # an update carries the resource
    return request


def _document(response: Any) -> Mapping[str, Any]:
    return json_format.MessageToDict(pb(response))
