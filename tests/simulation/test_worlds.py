"""What nobody has shown about the live services: a service follows its tag in either world.

The numbers are those of the open questions; tests/live settles each.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import stamina
from grpc import StatusCode

from local import world as names
from local.registry.audit import Logged
from local.run.behaviour import Fault
from tests.simulation.world import World, sample

Switch = Callable[[World], None]


def child(text: str) -> str:
    return sample(text).child("linux/amd64").digest


def doubt(name: str) -> Switch:
    """The other answer than the stand-in's own."""

    def turn(world: World) -> None:
        setattr(world.mirror.doubts, name, not getattr(world.mirror.doubts, name))

    return turn


def as_it_is(world: World) -> None:
    """The stand-in's own answer to every question."""


WORLDS = {
    "as the stand-in has it": as_it_is,
    "U4: a HEAD fills the cache": doubt("head_fills"),
    "U5: an index brings its children": doubt("index_fetches_children"),
    "U6: an old tag is served": doubt("stale_tag_served"),
    "U7: one package for library/": doubt("one_library_package"),
    "U8: a digest is asked for upstream again": doubt("digest_revalidates"),
    "U9: a deleted tag is not asked for again": doubt("deletion_refetches"),
}


@pytest.fixture(params=[*WORLDS.values()], ids=[*WORLDS])
def either(request: pytest.FixtureRequest, world: World) -> World:
    request.param(world)
    return world


def test_a_moved_tag_is_followed_within_the_hour_in_which_the_mirrors_tag_may_be_old(
    either: World,
) -> None:
    either.push("library/web", sample("one"))
    either.follow("web", "web")
    for text in ("two", "three"):
        either.push("library/web", sample(text))
        either.sweep()
        assert either.runs("web") == child(text)

    assert either.bus.dead == []
    assert either.revisions("web") == 3


@pytest.mark.parametrize("revalidates", [False, True], ids=["as stored", "asked upstream again"])
def test_a_deploy_while_the_upstream_is_down_is_made_at_once_or_when_it_is_back(
    world: World, *, revalidates: bool
) -> None:
    """U8: the mirror has the image, and may ask the upstream before it gives it out."""
    world.push("team/app", sample("one"))
    world.follow("team/app", "first")
    world.mirror.doubts.digest_revalidates = revalidates
    world.hub.refuse_connections()
    world.order(image="team/app", service="second", strategy="immediate")
    world.live(timedelta(minutes=10))
    before = [o.resolved_by for o in world.said("Deployed") if o.service == "second"]
    assert before == ([] if revalidates else ["mirror"])

    world.hub.accept_connections()
    world.live(timedelta(minutes=20))

    assert world.runs("second") == child("one")
    assert world.revisions("second") == 1
    assert world.bus.dead == []


def test_what_is_kept_warm_is_pulled_once(either: World) -> None:
    """Also an image that the mirror may list under another name than it was asked for."""
    either.push("library/base", sample("base"))
    for _ in range(3):
        either.bus.publish(names.WARM, b'{"kind": "sweep", "tags": ["base"]}', {})
        either.settle()

    assert [one.child_digest for one in either.said("Warmed")] == [child("base")]


def test_what_was_cleaned_away_is_stocked_again(either: World) -> None:
    either.push("team/base", sample("base"))
    named = b'{"kind": "sweep", "tags": ["team/base"]}'
    either.bus.publish(names.WARM, named, {})
    either.settle()
    remote = either.mirror.remote(names.REMOTE)
    remote.delete_tag("team/base", "latest")
    remote.delete_version("team/base", sample("base").digest)

    either.bus.publish(names.WARM, named, {})
    either.settle()

    assert len(either.said("Warmed")) == 2
    assert either.bus.dead == []


@pytest.mark.parametrize("publishes", [False, True], ids=["no gcr message", "gcr messages"])
@pytest.mark.parametrize("logged", Logged, ids=lambda logged: logged.name.lower())
def test_what_the_mirror_tells_of_our_own_pulls_sets_nothing_off(
    world: World, logged: Logged, *, publishes: bool
) -> None:
    """U1, U2, U3: what a cold pull, a moved tag and a read by tag leave in the log and on `gcr`."""
    world.mirror.logged, world.mirror.publishes_to_gcr = logged, publishes
    world.listening = True
    world.push("team/app", sample("one"))
    world.follow("team/app", "app")
    world.settle(300)
    world.push("team/app", sample("two"))
    world.sweep()
    world.settle(300)
    seen, writes = len(world.hub.requests), world.writes()

    world.settle(3600)

    assert world.runs("app") == child("two")
    assert world.revisions("app") == 2
    assert world.writes() == writes, "nothing goes on by itself"
    assert world.hub.requests[seen:] == []
    assert world.bus.dead == []


def test_without_the_mirrors_list_services_follow_all_the_same(tmp_path: Path) -> None:
    """U14: what Artifact Registry's API lists, and whether it answers."""
    nowhere = {"TRANSSHIP_LOCAL_ARTIFACT_REGISTRY": "127.0.0.1:1"}
    with stamina.set_testing(True, attempts=2), World(tmp_path, nowhere) as world:
        world.push("team/app", sample("one"))
        world.follow("team/app", "app")
        world.push("team/app", sample("two"))
        world.sweep()
        assert world.runs("app") == child("two")

        world.hub.refuse_connections()
        world.order(image="team/app", service="second", strategy="immediate")
        world.settle()

        (deployed,) = [o for o in world.said("Deployed") if o.service == "second"]
        assert (deployed.resolved_by, deployed.mirror_since) == ("mirror", None)


@pytest.mark.parametrize("by_region", [False, True], ids=["v1", "v2"])
def test_services_are_found_whichever_api_lists_them(tmp_path: Path, *, by_region: bool) -> None:
    policy = {
        "TRANSSHIP_POLICY": '{"targets": [{"project": "sample-project",'
        ' "region": "asia-northeast1"}]}'
    }
    with stamina.set_testing(True, attempts=2), World(tmp_path, policy) as world:
        if by_region:
            refused = Fault(method="v1.ListServices", code=StatusCode.PERMISSION_DENIED, times=1000)
            world.run.inject(refused)
        world.push("team/app", sample("one"))
        world.follow("team/app", "app")
        world.push("team/app", sample("two"))
        world.sweep()
        world.live(timedelta(minutes=20))

        assert world.runs("app") == child("two")
        assert world.revisions("app") == 2
