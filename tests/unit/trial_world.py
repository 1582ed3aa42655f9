"""Events delivered until they are settled, to the deployer with a small Cloud Run behind it.

Every call that leaves is a point at which a test may crash the deployer, or let another one go on.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handlers import orders
from handlers.payloads import Delivery
from tests.unit.nouns import NAME, NOON, PROOF, digest
from tests.unit.small_run import SmallRun
from transship.config import Config
from transship.deadline import Deadline
from transship.errors import TemporaryError
from transship.model.candidate import read_trial
from transship.model.digest import Digest
from transship.model.fetched import Head
from transship.model.gate import Gate, Health, Verdict
from transship.model.marks import ROLLOUT_LABEL
from transship.model.outcome import Outcome
from transship.model.reference import Reference
from transship.model.service import Service
from transship.model.wanted import Found
from transship.ports import Parts
from transship.turns import Turns

CONFIG = Config.from_env(
    {
        "TRANSSHIP_PROJECT": NAME.project,
        "TRANSSHIP_REGION": NAME.region,
        "TRANSSHIP_MIRRORS": "docker.io=asia-northeast1-docker.pkg.dev/sample-project/docker",
        "TRANSSHIP_RUNTIME_ACCOUNT": "transship-runtime@sample-project.iam.gserviceaccount.com",
    }
)
# A tag, its index and the child in it.
FIRST, GOOD, BAD, OTHER = (digest(digit) for digit in "1234")
_CHILDREN = {digest(digit): digest(child) for digit, child in zip("abcd", "1234", strict=True)}
_INDEXES = {child: index for index, child in _CHILDREN.items()}

# Deliveries and ticks: whatever is not settled by then is stuck.
_ROUNDS = 40
_TICK = 120.0

Hook = Callable[[str], None]


def _nothing(_point: str) -> None:
    pass


class Calls:
    """Every method of *port*, with a point before and after each call."""

    def __init__(self, port: Any, name: str, hook: Hook) -> None:
        self._port, self._name, self._hook = port, name, hook

    def __getattr__(self, method: str) -> Any:
        return self._watched(getattr(self._port, method), method)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._watched(self._port, "call")(*args, **kwargs)

    def _watched(self, call: Any, method: str) -> Any:
        def watched(*args: Any, **kwargs: Any) -> Any:
            self._hook(f"before {self._name}.{method}")
            answer = call(*args, **kwargs)
            self._hook(f"after {self._name}.{method}")
            return answer

        return watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    event_id: str
    message: dict[str, Any]
    at: datetime

    @property
    def delivery(self) -> Delivery:
        return Delivery(
            event_id=self.event_id,
            data=json.dumps(self.message).encode(),
            attributes={},
            published_at=self.at,
        )


@dataclass(kw_only=True)
class World:
    """*health* is what a look at a revision of a child says; the upstream's *tag* moves."""

    run: SmallRun = field(default_factory=SmallRun)
    tag: Digest = FIRST
    health: Callable[[str], Health] = lambda _child: Health.HEALTHY
    hook: Hook = _nothing
    published: list[Outcome] = field(default_factory=list)
    _ticks: int = 0

    def event(self, event_id: str, /, **message: Any) -> Event:
        """Of now; of a deploy unless *message* names another kind."""
        if "kind" not in message:
            message = {"image": "dockersamples/static-site:v1", **message}
        return Event(event_id=event_id, message={"service": NAME.service, **message}, at=self.now())

    def tick(self) -> Event | None:
        """What `advance_rollouts` makes of a tick."""
        service = self.run.service
        if service is None or ROLLOUT_LABEL not in service.labels:
            return None
        self._ticks += 1
        trial = read_trial(service)
        event_id = trial.event_id if trial else ""
        return self.event(f"tick-{self._ticks}", kind="advance", event_id=event_id)

    def deliver(self, event: Event) -> None:
        """Once: handled, published, acknowledged. Raises what a crash or a delay raises."""
        outcome = orders.handle(event.delivery, config=CONFIG, parts=self.parts())
        if outcome is not None:
            self.hook("before publish")
            self.published.append(outcome)
            self.hook("after publish")

    def settle(self, *events: Event, crash: type[Exception] = TemporaryError) -> None:
        """Redelivered until nothing is left to do, with ticks in between."""
        waiting = list(events)
        for _ in range(_ROUNDS):
            left = []
            for event in waiting:
                try:
                    self.deliver(event)
                except (TemporaryError, crash):
                    left.append(event)
            self.run.pass_time(_TICK)
            tick = self.tick()
            waiting = [*left, *([tick] if tick else [])]
            if not waiting and (self.run.service is None or not self.run.service.reconciling):
                self.run.pass_time()
                return
        raise AssertionError(f"stuck: {waiting}, {self.run.service}")

    def parts(self) -> Parts:
        return Parts(
            registry=Calls(self, "registry", self.hook),
            stock=Calls(self, "stock", self.hook),
            prove=Calls(self._prove, "prove", self.hook),
            turns=Turns(),
            services=Calls(self.run, "services", self.hook),
            access=Calls(self.run, "access", self.hook),
            probe=Calls(self._probe, "probe", self.hook),
            deadline=Deadline.after(480.0, clock=self._seconds),
            sleep=Calls(self.run.pass_time, "sleep", self.hook),
            now=self.now,
        )

    def now(self) -> datetime:
        return self.run.now

    def _seconds(self) -> float:
        return (self.now() - NOON).total_seconds()

    def head(self, _reference: Reference, *, deadline: Deadline) -> Head:
        assert not deadline.passed
        return Head(digest=_INDEXES[self.tag], media_type="")

    def _prove(self, image: Reference, resolved_by: str) -> Found:
        index = image.digest
        assert index is not None
        return Found(index=index, child=_CHILDREN[index], resolved_by=resolved_by, proof=PROOF)

    def _probe(self, service: Service, uri: str, _gate: Gate, *, deadline: Deadline) -> Verdict:
        assert not deadline.passed
        tag = uri.removeprefix("https://").partition("---")[0]
        shown = [share.revision for share in service.traffic if share.tag == tag]
        revision = (shown[0] if shown else None) or service.latest_ready
        health = self.health(self.run.child_of(revision))
        return Verdict(health=health, evidence=f"GET / of {health}")


def told(world: World, event_id: str) -> list[tuple[str, str]]:
    """The kinds and reasons of an event's outcomes, each once."""
    found = [
        (type(outcome).type.split(".")[2], outcome.reason)
        for outcome in world.published
        if outcome.event_id == event_id
    ]
    return list(dict.fromkeys(found))


def reseeded(seed: int = 0) -> None:
    """Jitter is the only chance in a run."""
    random.seed(seed)
