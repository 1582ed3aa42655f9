"""The deployer dies before and after every call that it makes: every run comes to its right end.

The harness runs a scenario once to learn its calls, and then once for each of their ends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from tests.unit.small_run import SmallRun
from tests.unit.trial_world import BAD, FIRST, GOOD, Event, World, reseeded, told
from transship.model.digest import Digest
from transship.model.gate import Health
from transship.model.quarantine import quarantined
from transship.model.traffic import LATEST, public_text

CANDIDATE = {"strategy": "candidate"}


class Crash(Exception):
    """kill -9, as far as a port can tell."""


class Crashes:
    """At the points of these numbers, counted from 0."""

    def __init__(self, *numbers: int) -> None:
        self.left = list(numbers)

    def __call__(self, _point: str) -> None:
        self.left = [number - 1 for number in self.left]
        if -1 in self.left:
            raise Crash


def never_ready() -> World:
    return World(run=SmallRun(never_ready={BAD.value}))


def with_a_bad_one() -> World:
    return World(health=lambda child: Health.UNHEALTHY if child == BAD.value else Health.HEALTHY)


def turning_bad() -> World:
    """Healthy until visitors have had it for a minute."""
    world = World()

    def health(child: str) -> Health:
        has_visitors = world.run.served[-1] == BAD.value
        return Health.UNHEALTHY if child == BAD.value and has_visitors else Health.HEALTHY

    world.health = health
    return world


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """*image* is deployed to a service that serves the first one; *ends* at what event 2 tells."""

    make: Callable[[], World]
    image: Digest
    ends: list[tuple[str, str]]
    serves: Digest
    before: Digest = FIRST
    message: Mapping[str, object]


CASES = {
    "good": Case(
        make=World, image=GOOD, ends=[("deployed", "new_image")], serves=GOOD, message=CANDIDATE
    ),
    "good, with statuses that lag": Case(
        make=lambda: World(run=SmallRun(lag=True)),
        image=GOOD,
        ends=[("deployed", "new_image")],
        serves=GOOD,
        message=CANDIDATE,
    ),
    "unreachable": Case(
        make=lambda: World(health=lambda _child: Health.UNREACHABLE),
        image=GOOD,
        ends=[("deployed", "new_image")],
        serves=GOOD,
        message=CANDIDATE,
    ),
    "not watched": Case(
        make=World,
        image=GOOD,
        ends=[("deployed", "new_image")],
        serves=GOOD,
        message={**CANDIDATE, "probe": {"watch": 0}},
    ),
    "never ready": Case(
        make=never_ready,
        image=BAD,
        ends=[("failed", "never_ready")],
        serves=FIRST,
        message=CANDIDATE,
    ),
    "bad": Case(
        make=with_a_bad_one,
        image=BAD,
        ends=[("failed", "rejected")],
        serves=FIRST,
        message=CANDIDATE,
    ),
    "turning bad": Case(
        make=turning_bad,
        image=BAD,
        ends=[("deployed", "new_image"), ("rolled_back", "rolled_back")],
        serves=FIRST,
        message=CANDIDATE,
    ),
    "healing": Case(
        make=with_a_bad_one,
        before=BAD,
        image=GOOD,
        ends=[("deployed", "new_image")],
        serves=GOOD,
        message=CANDIDATE,
    ),
    "healing at once": Case(
        make=lambda: World(
            run=SmallRun(eager=True),
            health=lambda child: Health.UNHEALTHY if child == BAD.value else Health.HEALTHY,
        ),
        before=BAD,
        image=GOOD,
        ends=[("deployed", "new_image")],
        serves=GOOD,
        message={"strategy": "immediate"},
    ),
    "immediate": Case(
        make=World,
        image=GOOD,
        ends=[("deployed", "new_image")],
        serves=GOOD,
        message={"strategy": "immediate"},
    ),
}


def staged(case: Case) -> tuple[World, Event]:
    """A service that serves the first image, or has just taken it back from a bad one."""
    reseeded()
    world = case.make()
    world.settle(world.event("1"))
    if case.before != FIRST:
        world.tag = case.before
        world.settle(world.event("1b", **CANDIDATE))
    world.tag = case.image
    return world, world.event("2", **case.message)


def points(case: Case) -> list[str]:
    world, event = staged(case)
    seen: list[str] = []
    world.hook = seen.append
    world.settle(event)
    check(case, world)
    return seen


def check(case: Case, world: World) -> None:
    service = world.run.service
    assert service is not None
    # Not lost, not doubled, not stuck.
    assert public_text(service.traffic) == public_text(service.asked_traffic)
    assert service.serving is not None
    assert world.run.child_of(service.serving) == case.serves.value
    assert not service.is_pinned
    assert "transship.dev/rollout" not in service.annotations
    assert "transship-rollout" not in service.labels
    assert {share.tag for share in service.traffic} == {""}
    if case.serves == case.image:
        assert public_text(service.asked_traffic) == f"{LATEST}=100"
        assert quarantined(service.annotations).isdisjoint({case.image.value})
    else:
        assert case.image.value in quarantined(service.annotations)
    expected = 2 + (case.before != FIRST)
    assert len(world.run.revisions) == expected, "one revision for each event"
    if case.ends[0][0] == "failed":
        assert BAD.value not in world.run.served
    assert told(world, "1") == [("deployed", "new_service")]


@pytest.mark.parametrize("name", CASES)
def test_every_run_ends_well(name: str) -> None:
    case = CASES[name]
    world, event = staged(case)

    world.settle(event)

    check(case, world)
    assert told(world, "2") == case.ends


@pytest.mark.parametrize("name", CASES)
def test_a_crash_at_any_call_changes_nothing_of_the_end(name: str) -> None:
    case = CASES[name]
    for number, point in enumerate(points(case)):
        world, event = staged(case)
        world.hook = crashes = Crashes(number)
        world.settle(event, crash=Crash)

        assert crashes.left[0] < 0, f"{point} was never reached"
        check(case, world)
        ends = told(world, "2")
        # What is taken back before it could be told is told as it is by then.
        late = [("failed", "rolled_back"), ("rolled_back", "rolled_back")]
        allowed = [case.ends, late, late[::-1]] if name == "turning bad" else [case.ends]
        assert ends in allowed, f"crash {point}"


@pytest.mark.parametrize("name", CASES)
def test_two_crashes_in_one_run_change_nothing_of_the_end(name: str) -> None:
    case = CASES[name]
    total = len(points(case))
    for first in range(0, total, 5):
        for second in range(1, total - first, 11):
            world, event = staged(case)
            world.hook = Crashes(first, first + second)
            world.settle(event, crash=Crash)

            check(case, world)
            assert told(world, "2")
