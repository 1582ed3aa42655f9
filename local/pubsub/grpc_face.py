"""google.pubsub.v1's Publisher and Subscriber over insecure gRPC, for unmodified clients."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
from google.pubsub_v1 import types

from local.pubsub.api import Api, received
from local.pubsub.broker import Broker
from local.pubsub.checks import MESSAGES_LIMIT
from local.pubsub.refusal import Refused, invalid, unimplemented
from local.pubsub.wire import pb

log = logging.getLogger(__name__)

# A streaming pull keeps its thread for as long as it lasts.
_THREADS = 64
# A published request of 10 MB, and its framing.
_REQUEST_BYTES = 11 * 1024 * 1024
_GRACE = 0.5
_LOOK_UP = 5.0

_UNARY: dict[str, dict[str, tuple[Any, Callable[..., Any]]]] = {
    "google.pubsub.v1.Publisher": {
        "CreateTopic": (types.Topic, Api.create_topic),
        "UpdateTopic": (types.UpdateTopicRequest, Api.update_topic),
        "Publish": (types.PublishRequest, Api.publish),
        "GetTopic": (types.GetTopicRequest, Api.get_topic),
        "ListTopics": (types.ListTopicsRequest, Api.list_topics),
        "ListTopicSubscriptions": (
            types.ListTopicSubscriptionsRequest,
            Api.list_topic_subscriptions,
        ),
        "DeleteTopic": (types.DeleteTopicRequest, Api.delete_topic),
    },
    "google.pubsub.v1.Subscriber": {
        "CreateSubscription": (types.Subscription, Api.create_subscription),
        "GetSubscription": (types.GetSubscriptionRequest, Api.get_subscription),
        "UpdateSubscription": (types.UpdateSubscriptionRequest, Api.update_subscription),
        "ListSubscriptions": (types.ListSubscriptionsRequest, Api.list_subscriptions),
        "DeleteSubscription": (types.DeleteSubscriptionRequest, Api.delete_subscription),
        "ModifyAckDeadline": (types.ModifyAckDeadlineRequest, Api.modify_ack_deadline),
        "Acknowledge": (types.AcknowledgeRequest, Api.acknowledge),
        "Pull": (types.PullRequest, Api.pull),
        "ModifyPushConfig": (types.ModifyPushConfigRequest, Api.modify_push_config),
    },
}


class GrpcFace:
    def __init__(self, api: Api, broker: Broker) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="pubsub-grpc")
        self._server = grpc.server(
            self._pool,
            options=[
                ("grpc.max_receive_message_length", _REQUEST_BYTES),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),  # or a second server could take our port
            ],
            maximum_concurrent_rpcs=_THREADS,
        )
        for service, methods in _UNARY.items():
            handlers = {
                name: _unary(kind, method.__get__(api)) for name, (kind, method) in methods.items()
            }
            if service.endswith("Subscriber"):
                handlers["StreamingPull"] = _streaming(broker, api)
            self._server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(service, handlers),)
            )
        self._server.add_generic_rpc_handlers((_NotHere(),))
        self._port = self._server.add_insecure_port("127.0.0.1:0")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop(_GRACE).wait()
        self._pool.shutdown(wait=True)


class _NotHere(grpc.GenericRpcHandler):
    """Refuses whatever no other handler knows: seek, snapshots, schemas, IAM, ..."""

    def service(self, call: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        method = call.method

        def refuse(_request: bytes, context: grpc.ServicerContext) -> NoReturn:
            _refuse(context, unimplemented(method))

        return grpc.unary_unary_rpc_method_handler(refuse)


def _unary(kind: Any, method: Callable[[Any, grpc.ServicerContext], Any]) -> Any:
    def call(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(request, context)
        except Refused as refused:
            _refuse(context, refused)

    return grpc.unary_unary_rpc_method_handler(
        call, request_deserializer=kind.deserialize, response_serializer=_serialize
    )


def _serialize(response: Any) -> bytes:
    return bytes(pb(response).SerializeToString())


def _refuse(context: grpc.ServicerContext, refused: Refused) -> NoReturn:
    if refused.code is grpc.StatusCode.UNIMPLEMENTED:
        log.warning("refused: %s", refused.message)
    context.abort(refused.code, refused.message)


def _streaming(broker: Broker, api: Api) -> Any:
    def call(
        requests: Iterator[types.StreamingPullRequest], context: grpc.ServicerContext
    ) -> Iterator[types.StreamingPullResponse]:
        try:
            yield from _Stream(broker, api, requests, context).responses()
        except Refused as refused:
            _refuse(context, refused)

    return grpc.stream_stream_rpc_method_handler(
        call,
        request_deserializer=types.StreamingPullRequest.deserialize,
        response_serializer=_serialize,
    )


class _Stream:
    """One streaming pull: the requests are read by a thread of their own."""

    def __init__(
        self,
        broker: Broker,
        api: Api,
        requests: Iterator[types.StreamingPullRequest],
        context: grpc.ServicerContext,
    ) -> None:
        self._broker = broker
        self._api = api
        self._requests = requests
        self._context = context
        self._problem: Refused | None = None
        first = next(requests)
        self._name = first.subscription
        self._seconds = _stream_deadline(first)
        self._holdable = (first.max_outstanding_messages, first.max_outstanding_bytes)

    def responses(self) -> Iterator[types.StreamingPullResponse]:
        threading.Thread(target=self._read, name="pubsub-stream", daemon=True).start()
        while self._alive():
            leases = self._broker.pull(
                self._name,
                MESSAGES_LIMIT,
                until=time.monotonic() + _LOOK_UP,
                alive=self._alive,
                holder=self,
                holdable=self._holdable,
                seconds=self._seconds,
            )
            if leases:
                get = types.GetSubscriptionRequest(subscription=self._name)
                settings = self._api.get_subscription(get, self._context)
                yield types.StreamingPullResponse(
                    received_messages=[received(settings, lease) for lease in leases]
                )
        if self._problem is not None:
            raise self._problem

    def _alive(self) -> bool:
        return self._problem is None and self._context.is_active()

    def _read(self) -> None:
        try:
            for request in self._requests:
                self._apply(request)
        except Refused as problem:
            self._problem = problem
        except grpc.RpcError as ended:
            log.debug("streaming pull ended: %s", ended)

    def _apply(self, request: types.StreamingPullRequest) -> None:
        if request.stream_ack_deadline_seconds:
            self._seconds = _stream_deadline(request)
        if request.ack_ids:
            self._broker.acknowledge(self._name, request.ack_ids)
        pairs = zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=False)
        for ack_id, seconds in pairs:
            self._broker.modify_ack_deadline(self._name, [ack_id], seconds)


def _stream_deadline(request: types.StreamingPullRequest) -> int:
    seconds = request.stream_ack_deadline_seconds
    if not 10 <= seconds <= 600:  # noqa: PLR2004 - the documented range
        raise invalid(f"Invalid stream_ack_deadline_seconds {seconds}: must be between 10 and 600.")
    return int(seconds)
