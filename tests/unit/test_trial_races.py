"""Several who look at one service at once: whatever the order of their calls, the end is right.

One of them moves at a time, and a seed decides which: at every call that leaves, another may go on.
"""

import random
import threading
from collections.abc import Callable
from functools import partial

import pytest

from tests.unit.small_run import SmallRun
from tests.unit.trial_world import BAD, FIRST, GOOD, OTHER, Event, World, reseeded, told
from transship.errors import TemporaryError
from transship.model.gate import Health
from transship.model.traffic import LATEST, public_text

SEEDS = range(100)
CANDIDATE = {"strategy": "candidate"}
# Nothing here waits for anything but another of these threads.
_PATIENCE = 20.0


class Turns:
    """Lets one of the actors go on at a time, chosen by *seed*."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - an order of events, no secret
        self._changed = threading.Condition()
        self._turn: int | None = None
        self._waiting: set[int] = set()
        self._living: set[int] = set()
        self._mine = threading.local()

    def wait(self, _point: str) -> None:
        """Until it is this actor's turn; whoever is no actor has it always."""
        actor = getattr(self._mine, "actor", None)
        if actor is None:
            return
        with self._changed:
            self._waiting.add(actor)
            self._turn = None
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._turn == actor, _PATIENCE)
            self._waiting.discard(actor)

    def run(self, *actions: Callable[[], None]) -> None:
        """All of them to their ends."""
        self._living = set(range(len(actions)))
        threads = [
            threading.Thread(target=self._act, args=(actor, action))
            for actor, action in enumerate(actions)
        ]
        for thread in threads:
            thread.start()
        with self._changed:
            while self._living:
                assert self._changed.wait_for(self._all_wait, _PATIENCE)
                if self._living:
                    self._turn = self._random.choice(sorted(self._waiting))
                    self._changed.notify_all()
        for thread in threads:
            thread.join()

    def _all_wait(self) -> bool:
        return self._turn is None and self._waiting == self._living

    def _act(self, actor: int, action: Callable[[], None]) -> None:
        self._mine.actor = actor
        try:
            self.wait("start")
            action()
        finally:
            with self._changed:
                self._living.discard(actor)
                self._turn = None
                self._changed.notify_all()


class Race:
    """Deliveries at once, each again later where it was not settled."""

    def __init__(self, world: World, seed: int) -> None:
        reseeded(seed)
        self._world = world
        self._turns = Turns(seed)
        self._left: list[Event] = []

    def run(self, *events: Event, beside: Callable[[], None] = lambda: None) -> None:
        """*beside* is what somebody else does, in one step."""
        self._world.hook = self._turns.wait
        self._turns.run(beside, *(partial(self._deliver, event) for event in events))
        self._world.settle(*self._left)

    def _deliver(self, event: Event) -> None:
        try:
            self._world.deliver(event)
        except TemporaryError:
            self._left.append(event)


def on_trial(world: World, event: Event) -> Event:
    """The event's revision is on trial, the event itself to be delivered again; and a tick's."""

    def stop(point: str) -> None:
        if point == "after services.replace":
            raise TemporaryError

    world.hook = stop
    with pytest.raises(TemporaryError):
        world.deliver(event)
    tick = world.tick()
    assert tick is not None
    return tick


def is_bad(child: str) -> Health:
    return Health.UNHEALTHY if child == BAD.value else Health.HEALTHY


def check(world: World) -> None:
    service = world.run.service
    assert service is not None
    assert public_text(service.traffic) == public_text(service.asked_traffic)
    assert not service.is_pinned
    assert "transship.dev/rollout" not in service.annotations
    assert BAD.value not in world.run.served


@pytest.mark.parametrize("lag", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_two_ticks_and_the_deploy_itself_agree(seed: int, lag: bool) -> None:
    world = World(run=SmallRun(lag=lag), health=is_bad)
    world.settle(world.event("1"))
    world.tag = (GOOD, BAD)[seed % 2]
    deploy = world.event("2", **CANDIDATE, probe={"watch": seed % 3 * 100})
    tick = on_trial(world, deploy)

    Race(world, seed).run(deploy, tick, tick)

    check(world)
    assert len(world.run.revisions) == 2
    ends = {GOOD: [("deployed", "new_image")], BAD: [("failed", "rejected")]}
    assert told(world, "2") == ends[world.tag]
    assert world.run.served[-1] == (GOOD if world.tag == GOOD else FIRST).value


@pytest.mark.parametrize("strategy", ["candidate", "immediate"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_deploy_that_overtakes_a_trial_wins(seed: int, strategy: str) -> None:
    """The trial is of a bad image; LATEST leads to it at once, if anybody says LATEST too early."""
    world = World(run=SmallRun(lag=seed % 2 == 0, eager=seed % 4 > 1), health=is_bad)
    world.settle(world.event("1"))
    world.tag = BAD
    older = world.event("2", **CANDIDATE)
    tick = on_trial(world, older)
    world.run.pass_time()
    digest = {"image": f"dockersamples/static-site:v1@sha256:{'d' * 64}"}
    newer = world.event("3", **digest, strategy=strategy)

    Race(world, seed).run(older, tick, tick, newer)

    check(world)
    service = world.run.service
    assert service is not None
    assert public_text(service.asked_traffic) == f"{LATEST}=100"
    assert world.run.served == [FIRST.value, OTHER.value]
    assert told(world, "3") == [("deployed", "new_image")]
    (end,) = told(world, "2")
    assert end in {("unchanged", "superseded"), ("failed", "rejected")}


@pytest.mark.parametrize("seed", SEEDS)
def test_an_operator_who_takes_over_is_left_alone(seed: int) -> None:
    world = World(run=SmallRun(lag=seed % 2 == 0), health=is_bad)
    world.settle(world.event("1"))
    world.tag = (GOOD, BAD)[seed % 2]
    deploy = world.event("2", **CANDIDATE)
    tick = on_trial(world, deploy)
    by_hand = partial(world.run.deploy_by_hand, "web-theirs", OTHER.value)

    Race(world, seed).run(deploy, tick, beside=by_hand)

    check(world)
    assert world.run.served[-1] == OTHER.value, "what somebody deploys by hand has its visitors"
    (end,) = told(world, "2")
    if end == ("deployed", "new_image"):
        assert GOOD.value in world.run.served, "deployed is said of what visitors have seen"
