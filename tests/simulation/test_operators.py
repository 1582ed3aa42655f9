"""People and other programs have the last word: what they set stays, and the reason is said."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina
from google.cloud import run_v2
from grpc import StatusCode

from local import world as names
from local.images import AMD64, ARM64, index
from local.run.behaviour import Fault
from tests.simulation.world import World, sample
from transship.model.reason import Reason

REPOSITORY = "team/app"
ONE, TWO, THREE = sample("one"), sample("two"), sample("three")
REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST


def child(image: Any) -> str:
    return str(image.child("linux/amd64").digest)


@pytest.fixture
def followed(world: World) -> World:
    world.push(REPOSITORY, ONE)
    world.follow(REPOSITORY, "app")
    return world


def steer(world: World, kind: str, **fields: Any) -> None:
    world.order(kind=kind, service="app", by="ann", **fields)
    world.settle()


def pin_traffic(world: World, revision: str) -> None:
    service = world.service("app")
    service.traffic = [run_v2.TrafficTarget(type_=REVISION, revision=revision, percent=100)]
    world.change(service)


def free_traffic(world: World) -> None:
    service = world.service("app")
    service.traffic = [run_v2.TrafficTarget(type_=LATEST, percent=100)]
    world.change(service)


def set_image(world: World, digest: str) -> None:
    """As `gcloud run services update --image` does."""
    service = world.service("app")
    service.template.containers[0].image = f"{names.MIRROR}/{REPOSITORY}@{digest}"
    service.template.revision = ""
    service.client = "gcloud"
    world.change(service)


def test_traffic_that_was_rolled_back_stays_through_ten_sweeps(followed: World) -> None:
    first = followed.service("app").latest_ready_revision.rpartition("/")[2]
    followed.push(REPOSITORY, TWO)
    followed.sweep()
    assert followed.runs("app") == child(TWO)

    pin_traffic(followed, first)
    for number in range(10):
        followed.push(REPOSITORY, sample(f"move {number}"))
        followed.sweep()
        assert followed.runs("app") == child(TWO)
        assert [share.revision for share in followed.service("app").traffic_statuses] == [first]

    assert followed.note("app", "why") == "operator_hold"
    free_traffic(followed)
    followed.sweep()
    assert followed.runs("app") == child(sample("move 9"))
    assert followed.note("app", "why") is None


def test_an_image_that_was_rolled_back_by_hand_stays_through_ten_sweeps(followed: World) -> None:
    followed.push(REPOSITORY, TWO)
    followed.sweep()

    set_image(followed, child(ONE))
    for number in range(10):
        followed.sweep()
        followed.push(REPOSITORY, sample(f"move {number}"))
        assert followed.runs("app") == child(ONE)

    assert followed.note("app", "why") == "operator_hold"
    steer(followed, "release")
    followed.sweep()
    assert followed.runs("app") == child(sample("move 9"))
    assert followed.note("app", "why") is None


def hold(world: World) -> None:
    steer(world, "hold", why="a demo")


def pin(world: World) -> None:
    steer(world, "pin")


def skip(world: World) -> None:
    steer(world, "skip", digest=TWO.digest)


@pytest.mark.parametrize(
    ("asks", "reason"), [(hold, Reason.HELD), (pin, Reason.PINNED), (skip, Reason.SKIPPED)]
)
def test_what_somebody_asked_for_holds_until_it_is_released(
    followed: World, asks: Callable[[World], None], reason: Reason
) -> None:
    asks(followed)
    followed.push(REPOSITORY, TWO)
    followed.run.journal.forget_calls()
    for _ in range(3):
        followed.sweep()

    assert followed.runs("app") == child(ONE)
    assert followed.note("app", "why") == reason
    assert followed.writes() == {"UpdateService": 1}, "the reason is written when it changes"
    assert "`release`" in reason.help
    # Nobody deploys it, so the mirror is stocked: once.
    assert [warmed.index_digest for warmed in followed.said("Warmed")] == [TWO.digest]

    steer(followed, "release")
    followed.sweep()
    assert followed.runs("app") == child(TWO)
    assert followed.note("app", "why") is None


def test_a_skipped_digest_is_left_out_and_the_next_one_is_not(followed: World) -> None:
    skip(followed)
    followed.push(REPOSITORY, TWO)
    followed.sweep()
    followed.push(REPOSITORY, THREE)
    followed.sweep()

    assert followed.runs("app") == child(THREE)
    assert followed.revisions("app") == 2


def test_a_hold_that_is_delivered_again_after_its_release_holds_nothing(followed: World) -> None:
    followed.bus.again = True  # thirty seconds later
    followed.order(kind="hold", service="app", by="ann")
    followed.settle()
    followed.order(kind="release", service="app", by="ann")
    followed.settle(120)
    followed.bus.again = False
    assert followed.note("app", "hold") is None

    followed.push(REPOSITORY, TWO)
    followed.sweep()
    assert followed.runs("app") == child(TWO)


@pytest.mark.parametrize(
    "code", [StatusCode.ABORTED, StatusCode.FAILED_PRECONDITION], ids=["aborted", "precondition"]
)
def test_a_hold_that_comes_between_the_decision_and_the_write_wins(
    followed: World, code: StatusCode
) -> None:
    """U23: what a stale etag is answered."""
    followed.run.behaviour.stale_etag = code

    def holds() -> None:
        service = followed.service("app")
        service.annotations["transship.dev/hold"] = '{"at":"2026-11-23T00:00:00Z"}'
        followed.change(service)

    followed.push(REPOSITORY, TWO)
    followed.run.inject(Fault(method="UpdateService", principal=names.DEPLOYER, action=holds))
    followed.sweep()

    assert followed.runs("app") == child(ONE)
    assert [outcome.reason for outcome in followed.said("Unchanged")] == ["held"]


@pytest.fixture
def paced(tmp_path: Path) -> Iterator[World]:
    with (
        stamina.set_testing(True, attempts=2),
        World(tmp_path, {"TRANSSHIP_DEPLOYS_PER_HOUR": "2"}) as world,
    ):
        yield world


def test_more_than_so_many_deploys_an_hour_wait(paced: World) -> None:
    paced.push(REPOSITORY, ONE)
    paced.follow(REPOSITORY, "app")
    for number in range(4):
        paced.push(REPOSITORY, sample(f"move {number}"))
        paced.sweep()

    assert paced.runs("app") == child(sample("move 1"))
    assert paced.note("app", "why") == "paced"

    paced.clock.advance(3600)
    paced.sweep()
    assert paced.runs("app") == child(sample("move 3"))


@pytest.fixture
def paused(tmp_path: Path) -> Iterator[World]:
    with (
        stamina.set_testing(True, attempts=2),
        World(tmp_path, {"TRANSSHIP_PAUSED": "true"}) as world,
    ):
        yield world


def test_paused_everywhere_only_explicit_deploys_work(paused: World) -> None:
    paused.push(REPOSITORY, ONE)
    paused.follow(REPOSITORY, "app")
    paused.push(REPOSITORY, TWO)
    paused.sweep()

    assert paused.runs("app") == child(ONE)
    assert paused.note("app", "why") == "paused"
    assert "TRANSSHIP_PAUSED" in Reason.PAUSED.help

    paused.follow(REPOSITORY, "app")
    assert paused.runs("app") == child(TWO)
    assert paused.note("app", "why") is None


def test_annotations_that_another_program_dropped_are_said_and_nothing_is_deployed(
    followed: World,
) -> None:
    service = followed.service("app")
    service.annotations.clear()
    followed.change(service)
    followed.push(REPOSITORY, TWO)
    followed.run.journal.forget_calls()

    followed.sweep()

    assert followed.reasons("app") == ["tracking_lost"]
    assert followed.writes() == {}
    assert followed.runs("app") == child(ONE)

    steer(followed, "track", image=REPOSITORY)
    followed.sweep()
    assert followed.runs("app") == child(TWO)


def test_a_deleted_tag_leaves_the_service_as_it_is_and_says_so(followed: World) -> None:
    followed.hub.delete_tag(REPOSITORY, "latest")
    for _ in range(3):
        followed.sweep()

    assert followed.runs("app") == child(ONE)
    assert followed.note("app", "why") == "tag_deleted"
    assert followed.revisions("app") == 1

    followed.push(REPOSITORY, ONE)
    followed.sweep()
    assert followed.note("app", "why") is None, "back with what runs: nothing else to do"


def test_an_untracked_service_goes_on_and_is_looked_at_no_more(followed: World) -> None:
    steer(followed, "untrack")
    seen = len(followed.hub.requests)
    followed.push(REPOSITORY, TWO)
    followed.sweep()

    assert followed.heads(seen) == []
    assert followed.runs("app") == child(ONE)
    assert [key for key in followed.service("app").annotations if "transship" in key] == []

    steer(followed, "hold")
    (refused,) = followed.said("Rejected")
    assert "`track`" in refused.reason


def test_a_digest_that_failed_is_not_tried_again_until_the_tag_moves_on(followed: World) -> None:
    followed.run.behaviour.unhealthy_images.add(f"{names.MIRROR}/{REPOSITORY}@{child(TWO)}")
    followed.push(REPOSITORY, TWO)
    for _ in range(3):
        followed.sweep()
    assert followed.revisions("app") == 2
    assert followed.note("app", "why") in {"failed_before", "quarantined"}

    # Another index around the same child is no other image.
    followed.push(REPOSITORY, index(TWO.child(AMD64), THREE.child(ARM64)))
    for _ in range(3):
        followed.sweep()
    assert followed.revisions("app") == 2

    followed.push(REPOSITORY, THREE)
    followed.sweep()
    assert followed.runs("app") == child(THREE)
    assert followed.note("app", "why") is None
