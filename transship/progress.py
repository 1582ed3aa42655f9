"""How far a deploy is, for whoever watches: best effort, and never in the deploy's way.

The deploy does not know that it is watched: its parts are, and tell what is done through them. A
step is published by a thread of its own, at most one a second; one that comes meanwhile takes the
place of the one that waits, and what cannot be published is not. The outcome is what counts.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from transship.deadline import Deadline
from transship.errors import TemporaryError, TransshipError
from transship.model.candidate import is_undecided
from transship.model.fetched import Head
from transship.model.marks import Marks
from transship.model.naming import ServiceName
from transship.model.reference import Reference
from transship.model.request import Deploy
from transship.model.service import Revision, Service
from transship.model.traffic import Share
from transship.model.wanted import Found, Wanted
from transship.ports import Parts, Prove, ServicesAndRevisions
from transship.prove import Progress
from transship.resolve import Registry

# Publishes data and attributes to the topic of progress.
Send = Callable[[bytes, dict[str, str]], object]

_PAUSE = 1.0
_LIMIT = 500


class Step(StrEnum):
    RESOLVED = "resolved"
    PULLING = "pulling"
    PROVED = "proved"
    APPLIED = "applied"
    WAITING = "waiting"
    READY = "ready"
    TRYING = "trying"
    DELAYED = "delayed"


class Reached(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is published: *bytes* of *total* are pulled; *reason* says why it is tried again."""

    event_id: str
    step: Step
    bytes: int = 0
    total: int = 0
    reason: str = ""


class Told(Struct, frozen=True, kw_only=True):
    """The newest step that nobody has published yet."""

    event_id: str
    _news: threading.Condition = msgspec.field(default_factory=threading.Condition)
    _ended: threading.Event = msgspec.field(default_factory=threading.Event)
    _steps: list[Reached] = msgspec.field(default_factory=list)

    def tell(self, step: Step, done: int = 0, total: int = 0) -> None:
        with self._news:
            self._steps[:] = [Reached(event_id=self.event_id, step=step, bytes=done, total=total)]
            self._news.notify()

    def end(self) -> None:
        """What has not been published by now is not any more."""
        self._ended.set()
        with self._news:
            self._news.notify()

    def publish(self, send: Send, attributes: dict[str, str], *, pause: float) -> None:
        """Until the end."""
        while True:
            with self._news:
                self._news.wait_for(lambda: self._steps or self._ended.is_set())
                if self._ended.is_set():
                    return
                reached = self._steps.pop()
            with suppress(TransshipError):
                send(msgspec.json.encode(reached), attributes)
            self._ended.wait(pause)


@contextmanager
def watched(deploy: Deploy, parts: Parts, send: Send, *, pause: float = _PAUSE) -> Iterator[Parts]:
    """*parts* that tell what is done through them, for as long as the block lasts."""
    told = Told(event_id=deploy.event_id)
    attributes = {"event_id": deploy.event_id, "service": deploy.service.service}
    # Not waited for at the end: the outcome must not wait for what is said about the way to it.
    threading.Thread(
        target=told.publish,
        args=(send, attributes),
        kwargs={"pause": pause},
        name="progress",
        daemon=True,
    ).start()
    try:
        yield replace(
            parts,
            registry=_Registry(parts.registry, told),
            prove=_proving(parts.prove, told),
            services=_Services(parts.services, told),
        )
    except TemporaryError as error:
        _tell_delayed(deploy.event_id, error, send, attributes)
        raise
    finally:
        told.end()


def _tell_delayed(
    event_id: str, error: TemporaryError, send: Send, attributes: dict[str, str]
) -> None:
    """By a thread of its own, since the other one ends; it is waited for, but not for long."""
    delayed = Reached(event_id=event_id, step=Step.DELAYED, reason=str(error)[:_LIMIT])

    def tell() -> None:
        with suppress(TransshipError):
            send(msgspec.json.encode(delayed), attributes)

    thread = threading.Thread(target=tell, name="delayed", daemon=True)
    thread.start()
    thread.join(_PAUSE)


class _Registry:
    def __init__(self, registry: Registry, told: Told) -> None:
        self._registry = registry
        self._told = told

    def head(self, reference: Reference, *, deadline: Deadline) -> Head:
        head = self._registry.head(reference, deadline=deadline)
        self._told.tell(Step.RESOLVED)
        return head


def _proving(prove: Prove, told: Told) -> Prove:
    def proving(image: Reference, resolved_by: str, *, progress: Progress | None = None) -> Found:
        def pulled(done: int, total: int) -> None:
            told.tell(Step.PULLING, done, total)
            if progress is not None:
                progress(done, total)

        told.tell(Step.PULLING)
        found = prove(image, resolved_by, progress=pulled)
        told.tell(Step.PROVED, found.proof.bytes, found.proof.bytes)
        return found

    return proving


def _reached(service: Service) -> Step:
    if service.finished:
        return Step.TRYING if is_undecided(service) else Step.READY
    return Step.WAITING


class _Services:
    """Looked at after a write, they are waited for."""

    def __init__(self, services: ServicesAndRevisions, told: Told) -> None:
        self._services = services
        self._told = told
        self._written = False

    def get(self, name: ServiceName) -> Service | None:
        service = self._services.get(name)
        if self._written and service is not None:
            self._told.tell(_reached(service))
        return service

    def create(self, wanted: Wanted) -> int:
        return self._applied(self._services.create(wanted))

    def replace(self, current: Service, wanted: Wanted) -> int:
        return self._applied(self._services.replace(current, wanted))

    def steer(self, current: Service, traffic: tuple[Share, ...], marks: Marks) -> int:
        return self._services.steer(current, traffic, marks)

    def annotate(self, current: Service, marks: Marks) -> int:
        return self._services.annotate(current, marks)

    def revision(self, name: ServiceName, revision: str) -> Revision | None:
        return self._services.revision(name, revision)

    def newest_revisions(self, name: ServiceName) -> list[Revision]:
        return self._services.newest_revisions(name)

    def _applied(self, generation: int) -> int:
        self._written = True
        self._told.tell(Step.APPLIED)
        return generation
