"""Who holds, pins or skips while a revision is on trial keeps what visitors have."""

from typing import Any

import pytest

from tests.unit.trial_world import FIRST, GOOD, World, told
from tests.unit.trials import CANDIDATE, begun, service_of
from transship.model.candidate import read_trial
from transship.model.gate import Health
from transship.model.quarantine import read_quarantine
from transship.model.trial import Trial

pytestmark = pytest.mark.usefixtures("impatient")

WAYS: dict[str, dict[str, Any]] = {
    "hold": {},
    "pin": {},
    "skip": {"digest": GOOD.value},
}
REASONS = {"hold": "held", "pin": "pinned", "skip": "skipped"}


def trial_of(world: World) -> Trial:
    trial = read_trial(service_of(world))
    assert trial is not None
    return trial


def ticks(world: World, times: int = 3) -> None:
    for _ in range(times):
        world.run.pass_time(120)
        tick = world.tick()
        if tick is None:
            return
        world.deliver(tick)
        world.run.pass_time()


@pytest.fixture(params=WAYS)
def waiting(request: pytest.FixtureRequest, world: World) -> tuple[World, str]:
    """A good image is on trial, and somebody asks for what serves to stay."""
    world.tag = GOOD
    deploy = world.event("2", **CANDIDATE)
    begun(world, deploy)
    world.deliver(world.event("3", kind=request.param, by="ann", **WAYS[request.param]))
    world.deliver(deploy)
    return world, request.param


def test_what_is_on_trial_gets_no_visitor(waiting: tuple[World, str]) -> None:
    world, kind = waiting

    ticks(world)

    assert world.run.served == [FIRST.value]
    assert trial_of(world).held
    assert told(world, "2") == [("unchanged", REASONS[kind])], "the deploy has ended with that"
    assert read_quarantine(service_of(world).annotations) == (), "nobody says that it is bad"


def test_released_it_goes_on(waiting: tuple[World, str]) -> None:
    world, _ = waiting
    ticks(world)

    world.deliver(world.event("4", kind="release"))
    ticks(world)

    assert world.run.served == [FIRST.value, GOOD.value]
    assert told(world, "4") == [("steered", "steered"), ("deployed", "new_image")]
    ids = [outcome.id for outcome in world.published if outcome.event_id == "4"]
    assert len(set(ids)) == len(ids), "each is told once"


def test_released_and_bad_it_is_told_of_by_the_release(waiting: tuple[World, str]) -> None:
    world, _ = waiting
    world.health = lambda child: Health.UNHEALTHY if child == GOOD.value else Health.HEALTHY

    world.deliver(world.event("4", kind="release"))
    ticks(world)

    assert world.run.served == [FIRST.value]
    assert ("failed", "rejected") in told(world, "4")


def test_said_twice_it_is_written_once(waiting: tuple[World, str]) -> None:
    world, kind = waiting
    generation = service_of(world).generation

    world.deliver(world.event("5", kind=kind, **WAYS[kind]))

    assert service_of(world).generation == generation
    assert trial_of(world).event_id == "3"


def test_a_rollback_takes_back_what_waits(waiting: tuple[World, str]) -> None:
    world, _ = waiting

    world.deliver(world.event("4", kind="rollback"))

    assert read_trial(service_of(world)) is None
    (bad,) = read_quarantine(service_of(world).annotations)
    assert bad.child == GOOD.value


def test_an_explicit_deploy_of_what_waits_says_that_it_waits(waiting: tuple[World, str]) -> None:
    world, kind = waiting

    world.deliver(world.event("6", **CANDIDATE))

    assert told(world, "6") == [("unchanged", REASONS[kind])]


def test_the_skip_of_another_digest_leaves_a_trial_alone(world: World) -> None:
    world.tag = GOOD
    deploy = world.event("2", **CANDIDATE)
    begun(world, deploy)

    world.deliver(world.event("3", kind="skip", digest=FIRST.value))

    assert not trial_of(world).held
    world.settle(deploy)
    assert world.run.served == [FIRST.value, GOOD.value]


def test_what_visitors_have_is_watched_to_the_end_also_when_it_is_held(world: World) -> None:
    world.tag = GOOD
    world.deliver(world.event("2", **CANDIDATE))
    assert not trial_of(world).undecided

    world.deliver(world.event("3", kind="pin"))

    assert not trial_of(world).held
