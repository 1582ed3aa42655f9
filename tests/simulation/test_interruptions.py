"""A sweep that ends in the middle, comes twice, or finds more than it may ask for."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import stamina
from grpc import StatusCode

from local import world as names
from local.registry.faults import Fault, pull_limit, unavailable
from local.run.behaviour import Fault as RunFault
from tests.simulation.world import Killed, World, sample

TAGS = [f"team/app-{number}" for number in range(5)]
ACCOUNT = '{{"docker.io": {{"username": "{}", "password": "{}"}}}}'.format(*names.HUB_ACCOUNT)


def child(text: str) -> str:
    return sample(text).child("linux/amd64").digest


def app(repository: str) -> str:
    return repository.rpartition("/")[2]


@pytest.fixture
def followed(world: World) -> World:
    for repository in TAGS:
        world.push(repository, sample(repository))
        world.follow(repository, app(repository))
    return world


def kill_after(world: World, topic: str, messages: int) -> None:
    """The instance ends when it has published so many to the topic, once."""
    published = 0

    def count(to: str, _data: bytes) -> None:
        nonlocal published
        published += to == topic
        if to == topic and published == messages + 1:
            raise Killed

    world.published = count


@pytest.mark.parametrize("messages", [0, 1, 3])
def test_a_shard_that_ended_in_the_middle_starts_again(followed: World, messages: int) -> None:
    for repository in TAGS:
        followed.push(repository, sample(f"{repository} moved"))
    kill_after(followed, names.REDEPLOY, messages)

    followed.sweep()
    followed.restart()
    followed.settle(120)

    for repository in TAGS:
        assert followed.runs(app(repository)) == child(f"{repository} moved")
        assert followed.revisions(app(repository)) == 2


def test_a_tick_that_ended_in_the_middle_starts_again(followed: World) -> None:
    followed.push(TAGS[0], sample("moved"))
    kill_after(followed, names.WARM, 0)

    followed.sweep()
    followed.settle(60)

    assert followed.runs(app(TAGS[0])) == child("moved")


def test_a_sweep_that_comes_twice_deploys_once(followed: World) -> None:
    followed.bus.again = True
    followed.push(TAGS[0], sample("moved"))

    followed.sweep()
    followed.settle(300)

    assert followed.revisions(app(TAGS[0])) == 2


def test_ticks_that_an_outage_of_cloud_run_held_up_are_not_made_up_for(followed: World) -> None:
    followed.run.inject(
        RunFault(method="v1.ListServices", code=StatusCode.UNAVAILABLE, times=10**6)
    )
    followed.live(timedelta(hours=2))
    followed.run.journal.clear_faults()
    seen, ended = len(followed.hub.requests), len(followed.outcomes)
    followed.live(timedelta(minutes=9))

    assert len(followed.heads(seen)) <= 2 * len(TAGS)
    reasons = [outcome.reason for outcome in followed.outcomes[ended:]]
    assert reasons.count("superseded") >= 1
    assert followed.bus.dead == []


def test_a_shard_that_comes_too_late_is_made_up_for_by_the_next_tick(followed: World) -> None:
    """Its tags rest: most would have to wait for their turn, up to an hour."""
    followed.clock.advance(timedelta(days=2).total_seconds())
    shard = {"kind": "shard", "tags": [f"docker.io/{repository}:latest" for repository in TAGS]}
    followed.bus.publish(names.WARM, json.dumps(shard).encode(), {})
    followed.clock.advance(timedelta(minutes=11).total_seconds())
    seen = len(followed.hub.requests)
    followed.settle()
    assert followed.heads(seen) == []

    followed.sweep()

    assert len(followed.heads(seen)) == len(TAGS)


# Kept warm


@pytest.fixture
def keeping(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """A world that keeps the last of the tags warm; nobody follows it."""
    with stamina.set_testing(True, attempts=2):
        open_worlds: list[World] = []

        def make(**settings: str) -> World:
            world = World(tmp_path, {"TRANSSHIP_KEEP_WARM": "team/base:1", **settings})
            open_worlds.append(world)
            world.push("team/base", sample("base"), tag="1")
            return world

        yield make
        for world in open_worlds:
            world.__exit__()


def test_a_tag_that_is_kept_warm_is_pulled_when_it_is_new_and_then_left(
    keeping: Callable[..., World],
) -> None:
    world = keeping()
    for _ in range(3):
        world.sweep()
    world.push("team/base", sample("new"), tag="1")
    for _ in range(3):
        world.sweep()

    warmed = world.said("Warmed")
    assert [one.child_digest for one in warmed] == [child("base"), child("new")]
    assert len(world.pulls()) == 4, "an index and its child, twice"
    swept = [outcome for outcome in world.said("Swept") if not outcome.shards]
    # The mirror's tag is an hour old at most; how far it is behind is counted meanwhile.
    assert [outcome.behind for outcome in swept[-2:]] == [1, 1]
    assert swept[-1].lag_seconds > swept[-2].lag_seconds > 0


def test_a_pull_that_stopped_half_way_is_finished(keeping: Callable[..., World]) -> None:
    """The index is in the mirror by then, so that no later tick would ask for it again."""
    world = keeping()
    world.hub.faults.add(unavailable(path="/blobs/"))
    world.sweep()
    world.live(timedelta(minutes=45))
    assert world.said("Warmed") == []

    world.hub.faults.clear()
    world.live(timedelta(minutes=15))

    assert [one.child_digest for one in world.said("Warmed")] == [child("base")]


def test_below_the_floor_pulls_are_left_to_deploys(keeping: Callable[..., World]) -> None:
    world = keeping(TRANSSHIP_QUOTA_FLOOR="10", TRANSSHIP_UPSTREAM_CREDENTIALS=ACCOUNT)
    world.hub.quota.limit = 11
    world.push("team/app", sample("app"))
    world.follow("team/app", "app")
    spent = len(world.pulls())

    for _ in range(3):
        world.sweep()
    assert world.said("Warmed") == []
    assert {outcome.reason for outcome in world.said("Unchanged")} == {"quota"}
    assert len(world.pulls()) == spent

    world.push("team/app", sample("moved"))
    world.sweep()
    assert world.runs("app") == child("moved"), "a deploy may have what is kept for it"

    world.live(timedelta(hours=7))
    assert [one.child_digest for one in world.said("Warmed")] == [child("base")]
    assert world.said("Warmed")[0].pulls_left >= 10
    assert world.bus.dead == []


def test_without_the_mirrors_account_there_is_no_floor_and_that_is_said(
    keeping: Callable[..., World],
) -> None:
    world = keeping(TRANSSHIP_QUOTA_FLOOR="1000")
    world.sweep()

    (warmed,) = world.said("Warmed")
    assert warmed.pulls_left is None
    assert "do not know the mirror's account" in warmed.detail


def test_a_limit_that_the_mirror_meets_pauses_pulls_and_not_looks(
    keeping: Callable[..., World],
) -> None:
    world = keeping()
    world.hub.faults.add(pull_limit())
    world.live(timedelta(hours=6))
    assert world.said("Warmed") == []
    assert len(world.heads()) >= 30, "a HEAD costs nothing"

    world.hub.faults.clear()
    world.live(timedelta(minutes=20))
    assert [one.child_digest for one in world.said("Warmed")] == [child("base")]
    assert world.bus.dead == []


def test_a_mirror_that_stores_nothing_is_not_pulled_through(keeping: Callable[..., World]) -> None:
    world = keeping()
    world.mirror.remote(names.REMOTE).is_connector = True
    world.sweep()
    assert world.pulls() == []

    world.bus.publish(names.WARM, b'{"kind": "warm", "image": "team/base:1"}', {})
    world.settle()
    (rejected,) = world.said("Rejected")
    assert rejected.rule == "mirror.no_cache"
    assert world.pulls() == []


def test_tags_that_a_tick_names_are_looked_at_and_stocked(world: World) -> None:
    world.push("team/other", sample("other"))
    world.bus.publish(names.WARM, b'{"kind": "sweep", "tags": ["team/other"]}', {})
    world.settle()

    assert [one.child_digest for one in world.said("Warmed")] == [child("other")]


def test_a_tag_that_a_hint_named_is_looked_at_on_every_tick_for_an_hour(followed: World) -> None:
    followed.clock.advance(timedelta(days=2).total_seconds())
    hint = b'{"kind": "hint", "image": "docker.io/team/app-0:latest", "origin": "webhook"}'
    followed.bus.publish(names.HINTS, hint, {})
    followed.settle()
    seen = len(followed.hub.requests)

    followed.live(timedelta(hours=2))

    looked = [one for one in followed.heads(seen) if "/app-0/" in one.path]
    assert 7 <= len(looked) <= 8, "six in the first hour, one in the second"


def test_a_registry_that_fails_for_one_tag_holds_up_no_other(followed: World) -> None:
    followed.hub.faults.add(Fault(path=f"/{TAGS[0]}/", response=unavailable().response))
    for repository in TAGS:
        followed.push(repository, sample(f"{repository} moved"))
    followed.sweep()

    for repository in TAGS[1:]:
        assert followed.runs(app(repository)) == child(f"{repository} moved")
    followed.hub.faults.clear()
    followed.settle(60)
    assert followed.runs(app(TAGS[0])) == child(f"{TAGS[0]} moved")
