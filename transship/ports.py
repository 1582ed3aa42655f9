"""What a deploy may touch: the ports that the clients fill, and nothing else."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from msgspec import Struct

from transship.deadline import Deadline
from transship.model.gate import Gate, Verdict
from transship.model.marks import Marks
from transship.model.naming import ServiceName
from transship.model.reference import Reference
from transship.model.service import Revision, Service
from transship.model.traffic import Share
from transship.model.wanted import Found, Wanted
from transship.prove import Progress
from transship.resolve import Registry
from transship.stock import Stock
from transship.turns import Turns

Sleep = Callable[[float], None]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Prove(Protocol):
    """Pulls *image* (in the mirror, by digest) and proves every byte."""

    def __call__(
        self, image: Reference, resolved_by: str, *, progress: Progress | None = None
    ) -> Found: ...


class Services(Protocol):
    """The part of the Cloud Run Admin API that a rollout needs; writes return the generation."""

    def get(self, name: ServiceName) -> Service | None: ...
    def create(self, wanted: Wanted) -> int: ...
    def replace(self, current: Service, wanted: Wanted) -> int: ...
    def steer(self, current: Service, traffic: tuple[Share, ...], marks: Marks) -> int: ...
    def annotate(self, current: Service, marks: Marks) -> int: ...


class Revisions(Protocol):
    def revision(self, name: ServiceName, revision: str) -> Revision | None: ...
    def newest_revisions(self, name: ServiceName) -> list[Revision]: ...


class Access(Protocol):
    """Who may invoke a service."""

    def is_public(self, name: ServiceName) -> bool: ...
    def set_public(self, name: ServiceName, *, public: bool) -> None: ...


class Probe(Protocol):
    """Looks at a revision by the URL of its tag, as often as the gate asks."""

    def __call__(
        self, service: Service, uri: str, gate: Gate, *, deadline: Deadline
    ) -> Verdict: ...


class ServicesAndRevisions(Services, Revisions, Protocol):
    """Both are one API's."""


class CloudRun(Struct, frozen=True, kw_only=True):
    """And until when."""

    services: ServicesAndRevisions
    access: Access
    probe: Probe
    deadline: Deadline
    sleep: Sleep = time.sleep
    now: Callable[[], datetime] = _utc_now


class Parts(CloudRun, frozen=True, kw_only=True):
    """Everything that a deploy may touch."""

    registry: Registry
    stock: Stock
    prove: Prove
    turns: Turns
