"""Docker Hub has had enough of us for six hours: nothing is given up, and all is right at the end.

Its limit is over pulls in six hours: https://docs.docker.com/docker-hub/usage/pulls/
"""

from datetime import timedelta
from typing import Any

import pytest

from local.registry.faults import abuse_limit
from tests.simulation.world import START, World, sample
from transship.model.reason import Reason

HOUR = timedelta(hours=1)
TAGS = [f"team/app-{number}" for number in range(6)]


def names(repository: str) -> str:
    return repository.replace("/", "-")


@pytest.fixture
def silent(world: World) -> World:
    """Every tag is followed; then Docker Hub answers 429 to everybody, until it is mended."""
    for repository in TAGS:
        world.push(repository, sample(repository))
        world.follow(repository, names(repository))
    world.clock.advance(26 * 3600)
    world.hub.faults.add(abuse_limit())
    return world


@pytest.mark.parametrize("stale_tag_served", [False, True], ids=["refused", "served"])
def test_a_limit_of_six_hours_loses_nothing(silent: World, *, stale_tag_served: bool) -> None:
    """U6: whether the mirror serves its old tag while the upstream fails."""
    world = silent
    world.mirror.doubts.stale_tag_served = stale_tag_served
    asked, ended = len(world.heads()), len(world.outcomes)
    moved = {repository: sample(f"{repository} moved") for repository in TAGS}

    def move() -> None:
        for repository, image in moved.items():
            world.push(repository, image)

    def deploy() -> None:
        world.order(image=TAGS[0], service="explicit", strategy="immediate")
        world.order(image=TAGS[1], service=names(TAGS[1]), memory="1Gi")

    world.live(6 * HOUR, {HOUR: move, 3 * HOUR: deploy})

    during: list[Any] = [*world.outcomes[ended:]]
    explicit = next(o for o in during if o.service == "explicit")
    assert (explicit.resolved_by, explicit.reason) == ("mirror", "new_service")
    assert explicit.child_digest == sample(TAGS[0]).child("linux/amd64").digest
    assert explicit.mirror_since < START + HOUR, "as old as the mirror's copy"
    other = next(o for o in during if o.service == names(TAGS[1]) and hasattr(o, "changed"))
    assert other.reason == "new_settings"
    # 36 ticks and a pause of five minutes after each 429; those of one moment ask side by side.
    assert len(world.heads()) - asked <= 2 * 36 * len(TAGS)
    assert world.runs(names(TAGS[2])) == sample(TAGS[2]).child("linux/amd64").digest
    assert Reason.QUOTA in world.reasons(names(TAGS[2])), "the sweep says why nothing is known"

    world.hub.faults.clear()
    world.live(timedelta(minutes=25))

    assert world.bus.dead == []
    assert world.bus.most_attempts < 50
    for repository, image in moved.items():
        assert world.runs(names(repository)) == image.child("linux/amd64").digest
        assert world.note(names(repository), "why") is None


def test_a_source_that_named_a_time_is_not_asked_before_it(silent: World) -> None:
    world = silent
    world.hub.faults.clear()
    world.hub.faults.add(abuse_limit(retry_after=6 * 3600))
    world.live(timedelta(minutes=10))
    asked = len(world.hub.requests)
    assert asked

    world.live(5 * HOUR)
    assert world.hub.requests[asked:] == []

    world.hub.faults.clear()
    world.live(HOUR + timedelta(minutes=10))
    assert {seen.status for seen in world.heads(asked)} == {200}
    # All of them at once, although the turn of most would be later in the hour.
    assert len({seen.path for seen in world.heads(asked)}) == len(TAGS)


def test_an_upstream_that_is_down_holds_up_its_own_tags_only(world: World) -> None:
    """What cannot be looked at is looked at soon after, also where its turn is an hour away."""
    for repository in TAGS:
        world.push(repository, sample(repository))
        world.follow(repository, names(repository))
    world.clock.advance(26 * 3600)
    world.hub.refuse_connections()
    world.live(HOUR)
    moved = sample("while nobody could look")
    world.push(TAGS[0], moved)
    world.hub.accept_connections()

    world.live(timedelta(minutes=20))

    assert world.runs(names(TAGS[0])) == moved.child("linux/amd64").digest
    assert world.bus.dead == []


def test_a_silent_upstream_does_not_bring_an_older_image_back(world: World) -> None:
    """The mirror's tag stays where it was asked for last, the service was told something newer."""
    old, new = sample("old"), sample("new")
    world.push("team/app", old)
    world.follow("team/app", "app")
    world.push("team/app", new)
    world.sweep()
    assert world.runs("app") == new.child("linux/amd64").digest
    world.clock.advance(7200)
    world.mirror.doubts.stale_tag_served = True
    world.hub.refuse_connections()

    world.order(image="team/app", service="app", memory="1Gi")
    world.settle()

    (deployed,) = world.said("Deployed")[-1:]
    assert (deployed.reason, deployed.resolved_by) == ("new_settings", "record")
    assert world.runs("app") == new.child("linux/amd64").digest
