"""What the page may touch: it reads the cloud's records, and publishes everybody's messages."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from transship.burials import Log
from transship.console.forgery import Forgery
from transship.console.kept import Kept
from transship.deadline import Deadline
from transship.followers import Fleet, Send
from transship.lineage import Lineage
from transship.model.fetched import Head
from transship.model.mirror import Mirror
from transship.model.naming import ServiceName
from transship.model.reference import Reference
from transship.model.service import Revision, Service
from transship.pull import Registry
from transship.throttle import Pauses, Throttle


class Services(Protocol):
    def get(self, name: ServiceName) -> Service | None: ...
    def revision(self, name: ServiceName, revision: str) -> Revision | None: ...


class Looking(Protocol):
    """What a tag means, by a client that leaves a registry alone for as long as that asked."""

    def __call__(self, reference: Reference, *, deadline: Deadline) -> Head: ...


class Tags(Registry, Protocol):
    """What an upstream and a mirror tell of an image."""

    def tags(
        self, reference: Reference, *, after: str, limit: int, deadline: Deadline
    ) -> list[str]: ...


class Held(Protocol):
    """An image in the mirror, as it is called at the upstream."""

    @property
    def image(self) -> Reference: ...
    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def updated(self) -> datetime: ...


class Contents(Protocol):
    def held(self, mirror: Mirror) -> Iterator[Held]: ...


class Retained(Protocol):
    """The copies of dead letters: whoever has leased one may replay or discard it."""

    def leased(self, wanted: set[str]) -> AbstractContextManager[Mapping[str, Any]]: ...
    def acknowledge(self, copy: Any) -> None: ...
    def topic_of(self, subscription: str) -> str | None: ...


class Parts(Struct, frozen=True, kw_only=True):
    """*identify* gives the e-mail address of who asks, from headers in lower case.

    *send* publishes to a topic, ``projects/P/topics/T``.
    """

    identify: Callable[[Mapping[str, str]], str]
    forgery: Forgery
    fleet: Fleet
    services: Services
    lineage: Lineage
    head: Looking
    registry: Tags
    contents: Contents
    log: Log
    retained: Retained
    send: Callable[[str], Send]
    now: Callable[[], datetime]
    throttle: Throttle
    pauses: Pauses
    kept: Kept = msgspec.field(default_factory=Kept)
