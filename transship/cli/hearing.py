"""Publish a message and hear what came of it: subscribe first, so that nothing is said unheard.

The event's id is only known once the message is published, so the subscription's filter is wider:
by service, and by type for what has none. Where nobody lets us subscribe, the service is looked at
instead, which tells less: an event that is rejected leaves no trace there.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from transship.cli.ending import INTERRUPTED, Ended, Status
from transship.deadline import Deadline
from transship.errors import AccessDenied, ServiceConflict, TemporaryError, TransshipError
from transship.model.naming import ServiceName
from transship.model.outcome import Deployed, Failed, Rejected, Unchanged, Warmed
from transship.model.service import Service, State

# Filters may have 256 bytes: https://cloud.google.com/pubsub/quotas#resource_limits
UNNAMED = f'attributes.type = "{Rejected.type}"'
OF_WARMING = " OR ".join(
    f'attributes.type = "{each.type}"' for each in (Warmed, Unchanged, Rejected)
)
_FIRST_LOOK, _LONGEST_LOOK = 1.0, 5.0
# How long a pull for progress may outlast what it is about.
_GLANCE = 1.0


class Subscriptions(Protocol):
    def listening(self, project: str, topic: str, matching: str) -> AbstractContextManager[str]: ...
    def pull(self, subscription: str, *, seconds: float) -> list[Any]: ...
    def acknowledge(self, subscription: str, received: list[Any]) -> None: ...


class Services(Protocol):
    def get(self, name: ServiceName) -> Service | None: ...


class Heard(Struct, frozen=True, kw_only=True):
    """*type* is the outcome's, *data* its fields; *event* is all of it."""

    type: str
    data: Mapping[str, Any]
    event: Mapping[str, Any]


def of_service(service: str) -> str:
    return f'attributes.service = "{service}" OR {UNNAMED}'


@contextmanager
def listening(
    subscriptions: Subscriptions, project: str, topic: str, matching: str
) -> Iterator[str]:
    """The name of a subscription that lasts as long as the block."""
    with ExitStack() as held:
        try:
            name = held.enter_context(subscriptions.listening(project, topic, matching))
        except ServiceConflict as error:
            raise Ended(
                f"{error}: is there a topic {topic}? TRANSSHIP_PROJECT names the project that"
                " transship itself runs in; has infra/ been applied there?",
                Status.NOT_REACHED,
            ) from error
        yield name


def outcome_of(
    subscriptions: Subscriptions, subscription: str, event_id: str, *, deadline: Deadline
) -> Heard | None:
    """The outcome of the event, whenever it comes; None at the deadline."""
    while not deadline.passed:
        try:
            for heard in outcomes(subscriptions, subscription, seconds=deadline.remaining()):
                if heard.data.get("event_id") == event_id:
                    return heard
        except TemporaryError:
            # The message is on its way whatever becomes of the line.
            time.sleep(min(_FIRST_LOOK, deadline.remaining()))
    return None


def outcomes(subscriptions: Subscriptions, subscription: str, *, seconds: float) -> Iterator[Heard]:
    """Those that have come, after a wait of a few seconds at most."""
    if INTERRUPTED.is_set():
        raise KeyboardInterrupt
    received = subscriptions.pull(subscription, seconds=seconds)
    subscriptions.acknowledge(subscription, received)
    for each in received:
        if heard := _heard(each.data):
            yield heard


def look_on(
    services: Services,
    name: ServiceName,
    event_id: str,
    *,
    deadline: Deadline,
    sleep: Callable[[float], None] = time.sleep,
) -> Heard | None:
    """What can be told from the service alone; None at the deadline."""
    wait = _FIRST_LOOK
    while not deadline.passed:
        service = services.get(name)
        record = service.record if service else None
        if service and record and record.cause == event_id and service.finished:
            return _told(service, event_id)
        sleep(min(wait * random.uniform(0.8, 1.2), deadline.remaining()))  # noqa: S311 - jitter
        wait = min(1.5 * wait, _LONGEST_LOOK)
    return None


@contextmanager
def steps(
    subscriptions: Subscriptions,
    project: str,
    topic: str,
    service: str,
    tell: Callable[[Mapping[str, Any]], None],
) -> Iterator[None]:
    """Call *tell* with each step on the topic of progress, as long as the block lasts.

    Best effort: where it cannot be heard, nothing is told.
    """
    ended = threading.Event()

    def listen(name: str) -> None:
        while not ended.is_set():
            try:
                received = subscriptions.pull(name, seconds=_GLANCE)
                subscriptions.acknowledge(name, received)
            except TransshipError:
                return
            for step in filter(None, (_decoded(each.data) for each in received)):
                if not ended.is_set():
                    tell(step)

    with ExitStack() as held:
        wanted = f'attributes.service = "{service}"'
        try:
            name = held.enter_context(subscriptions.listening(project, topic, wanted))
        except (AccessDenied, ServiceConflict):
            yield
            return
        thread = threading.Thread(target=listen, args=(name,), name="progress", daemon=True)
        thread.start()
        # In this order at the end: no pull is under way when the subscription goes.
        held.callback(thread.join)
        held.callback(ended.set)
        yield


def _heard(data: bytes) -> Heard | None:
    event = _decoded(data)
    fields = event.get("data")
    return Heard(type=str(event.get("type")), data=fields, event=event) if fields else None


def _decoded(data: bytes) -> dict[str, Any]:
    """Empty for what is not ours."""
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def _told(service: Service, event_id: str) -> Heard:
    failed = service.condition.state is State.FAILED
    record = service.record
    fields = {
        "event_id": event_id,
        "image": str(record.image) if record else "",
        "service": service.name.service,
        "project": service.name.project,
        "region": service.name.region,
        "revision": service.latest_created,
        "url": service.uri,
        "reason": record.reason if record and not failed else "",
        "condition": service.condition.reason,
        "message": service.condition.message,
    }
    kind = Failed.type if failed else Deployed.type
    data = {key: value for key, value in fields.items() if value}
    return Heard(type=kind, data=data, event={"type": kind, "data": data})
