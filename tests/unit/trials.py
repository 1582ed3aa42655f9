"""What the tests of trials begin with: a service that serves, and a bad image to come."""

from collections.abc import Iterator

import pytest
import stamina

from tests.unit.trial_world import BAD, Event, World, reseeded
from transship.errors import TemporaryError
from transship.model.gate import Health
from transship.model.outcome import Rejected
from transship.model.service import Service

CANDIDATE = {"strategy": "candidate"}
UNWATCHED = {**CANDIDATE, "probe": {"watch": 0}}


@pytest.fixture
def impatient() -> Iterator[None]:
    """As many retries as ever, and no wait between them."""
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


def of_bad(child: str) -> Health:
    return Health.UNHEALTHY if child == BAD.value else Health.HEALTHY


@pytest.fixture
def world() -> World:
    """A service that serves the first image; the third one is bad."""
    reseeded()
    world = World(health=of_bad)
    world.settle(world.event("1"))
    return world


def service_of(world: World) -> Service:
    assert world.run.service is not None
    return world.run.service


def begun(world: World, event: Event) -> Service:
    """Its revision is on trial and ready; nobody has looked at it yet."""

    def stop(point: str) -> None:
        if point == "after services.replace":
            raise TemporaryError

    world.hook, before = stop, world.hook
    with pytest.raises(TemporaryError):
        world.deliver(event)
    world.hook = before
    world.run.pass_time()
    return service_of(world)


def refused(world: World, event: Event, match: str) -> None:
    """It is settled by an outcome that says which service, and what would be right."""
    world.deliver(event)
    outcome = world.published[-1]
    assert isinstance(outcome, Rejected)
    assert outcome.service == service_of(world).name.service
    assert match in outcome.reason
