"""A rollback while a revision is on trial: before it has visitors, and while it is watched."""

from collections.abc import Callable

import pytest

from tests.unit.trial_world import FIRST, GOOD, Event, World, reseeded, told
from tests.unit.trials import refused, service_of
from transship.errors import DeployPending
from transship.model.candidate import read_trial
from transship.model.gate import Health
from transship.model.outcome import RolledBack
from transship.model.quarantine import read_quarantine

CANDIDATE = {"strategy": "candidate", "probe": {"patience": 3600}}


@pytest.fixture
def world() -> World:
    """A service that serves the first image; its tag means the second."""
    reseeded()
    world = World()
    world.settle(world.event("1"))
    world.tag = GOOD
    return world


def on_trial(world: World) -> Event:
    """The event of a deploy whose revision does not answer, and is waited for."""
    world.health = lambda child: Health.UNHEALTHY if child == GOOD.value else Health.HEALTHY
    event = world.event("2", **CANDIDATE)
    with pytest.raises(DeployPending):
        world.deliver(event)
    trial = read_trial(service_of(world))
    assert trial is not None
    assert trial.undecided
    return event


@pytest.mark.parametrize("named", [False, True], ids=["unnamed", "by what serves"])
def test_a_rollback_takes_back_what_is_on_trial(world: World, *, named: bool) -> None:
    deploy = on_trial(world)
    service = service_of(world)
    before = {"revision": service.kept} if named else {}

    world.settle(world.event("3", kind="rollback", by="ann", why="too early", **before))

    outcome = world.published[-1]
    assert isinstance(outcome, RolledBack)
    assert (outcome.revision, outcome.serving) == (service.latest_created, service.kept)
    (bad,) = read_quarantine(service_of(world).annotations)
    assert (bad.child, bad.reason) == (GOOD.value, "withdrawn")
    assert read_trial(service_of(world)) is None
    assert world.run.served == [FIRST.value], "visitors never saw it"
    world.settle(deploy)
    assert told(world, "2") == [("failed", "withdrawn")], "the deploy's own event says so too"


def test_nobody_is_rolled_back_to_what_is_on_trial(world: World) -> None:
    on_trial(world)
    candidate = service_of(world).latest_created

    refused(
        world, world.event("3", kind="rollback", revision=candidate), f"{candidate} is on trial"
    )


def test_a_rollback_during_the_watch_goes_to_what_served_before(world: World) -> None:
    before = service_of(world).kept
    world.deliver(world.event("2", strategy="candidate"))
    trial = read_trial(service_of(world))
    assert trial is not None
    assert not trial.undecided

    world.settle(world.event("3", kind="rollback"))

    outcome = world.published[-1]
    assert isinstance(outcome, RolledBack)
    assert (outcome.serving, outcome.child_digest) == (before, GOOD.value)
    assert world.run.served == [FIRST.value, GOOD.value, FIRST.value]


def of_second(health: Health) -> Callable[[str], Health]:
    return lambda child: health if child == GOOD.value else Health.HEALTHY


def rejected(world: World) -> None:
    world.health = of_second(Health.UNHEALTHY)
    world.settle(world.event("2", strategy="candidate"))
    assert told(world, "2") == [("failed", "rejected")]


def test_what_is_cleared_has_to_pass_its_gate(world: World) -> None:
    rejected(world)
    world.health = of_second(Health.HEALTHY)

    world.deliver(world.event("3", kind="clear"))

    assert told(world, "3") == [("steered", "steered")]
    trial = read_trial(service_of(world))
    assert trial is not None
    assert (trial.event_id, trial.revision) == ("3", service_of(world).latest_created)
    world.settle()
    world.settle(*filter(None, [world.tick()]))
    assert world.run.served == [FIRST.value, GOOD.value]
    assert read_quarantine(service_of(world).annotations) == ()


def test_what_is_cleared_and_still_bad_gets_no_visitor_and_is_told_of(world: World) -> None:
    rejected(world)

    world.settle(world.event("3", kind="clear", by="ann"))

    assert told(world, "3") == [("steered", "steered"), ("failed", "rejected")]
    assert world.run.served == [FIRST.value]
    (bad,) = read_quarantine(service_of(world).annotations)
    assert (bad.child, bad.event_id) == (GOOD.value, "3")


def test_a_clear_that_comes_twice_begins_one_trial(world: World) -> None:
    rejected(world)
    clear = world.event("3", kind="clear")

    world.settle(clear)
    generation = service_of(world).generation
    world.settle(clear)

    assert service_of(world).generation == generation, "it is bad since"


def test_a_rollback_of_what_had_no_trial_goes_to_what_served_before(world: World) -> None:
    before = service_of(world).kept
    world.settle(world.event("2", strategy="immediate"))
    assert world.run.served == [FIRST.value, GOOD.value]

    world.settle(world.event("3", kind="rollback"))

    outcome = world.published[-1]
    assert isinstance(outcome, RolledBack)
    assert (outcome.serving, outcome.child_digest) == (before, GOOD.value)
    assert world.run.served[-1] == FIRST.value


def test_another_revision_of_the_same_image_is_no_way_back(world: World) -> None:
    world.tag = FIRST
    world.settle(world.event("2", strategy="immediate", concurrency=5))

    refused(world, world.event("3", kind="rollback"), "no earlier revision of another image")


def test_what_turned_out_bad_is_no_way_back(world: World) -> None:
    world.settle(world.event("2", strategy="immediate"))
    world.settle(world.event("3", kind="rollback"))

    refused(world, world.event("4", kind="rollback"), "has not turned out bad")
