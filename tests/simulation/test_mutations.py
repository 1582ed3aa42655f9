"""What can happen to a tag on Docker Hub: no update that is none, and none missed.

https://github.com/opencontainers/image-spec/blob/main/image-index.md
"""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from local.images import AMD64, ARM64, DOCKER, OCI, attestation, ballast, index
from local.manifests import Form, Image, Manifest
from tests.simulation.world import World

REPOSITORY = "team/app"


def ours(seed: int, form: Form = OCI) -> Image:
    return replaced(ballast(1, 500, seed=seed, platform=AMD64), form)


def theirs(seed: int, form: Form = OCI) -> Image:
    return replaced(ballast(1, 500, seed=seed, platform=ARM64), form)


def replaced(image: Image, form: Form) -> Image:
    """The same manifest in the media types of the other family: another digest."""
    if form is OCI:
        return image
    text = image.root.content.decode()
    for kind in ("manifest", "config", "layer"):
        text = text.replace(getattr(OCI, kind), getattr(form, kind))
    return replace(image, root=Manifest(media_type=form.manifest, content=text.encode()))


def annotated(image: Image) -> Image:
    """An index that says something about itself."""
    document = json.loads(image.root.content)
    document["annotations"] = {"org.opencontainers.image.revision": "abc"}
    content = json.dumps(document).encode()
    return replace(image, root=Manifest(media_type=image.root.media_type, content=content))


FIRST = index(ours(1), theirs(1))

# What the tag becomes after FIRST, one step after the other; and how many of the steps are another
# image for this platform.
QUIET: dict[str, list[Image]] = {
    "the same again": [FIRST],
    "only the other platform": [index(ours(1), theirs(2))],
    "another platform more": [index(ours(1), theirs(1), theirs(3))],
    "the other platform is gone": [index(ours(1))],
    "in another order": [index(theirs(1), ours(1))],
    "an attestation more": [index(ours(1), theirs(1), attestation(ours(1)))],
    "an attestation more, then gone": [
        index(ours(1), theirs(1), attestation(ours(1))),
        FIRST,
    ],
    "Docker's list of the same children": [index(ours(1), theirs(1), form=DOCKER)],
    "Docker's list and back": [index(ours(1), theirs(1), form=DOCKER), FIRST],
    "annotations only": [annotated(FIRST)],
    "an index in an index": [index(FIRST)],
    "the single manifest": [ours(1)],
    "the single manifest and back": [ours(1), FIRST],
    "the other platform, and back": [index(ours(1), theirs(2)), FIRST],
}
LOUD: dict[str, list[Image]] = {
    "our platform": [index(ours(2), theirs(1))],
    "both platforms": [index(ours(2), theirs(2))],
    "a single manifest of another image": [ours(2)],
    "a nested index of another image": [index(index(ours(2), theirs(2)))],
    "Docker's form of the child itself": [index(ours(1, DOCKER), theirs(1, DOCKER), form=DOCKER)],
}


@pytest.fixture
def followed(world: World) -> World:
    world.push(REPOSITORY, FIRST)
    world.follow(REPOSITORY, "app")
    world.run.journal.forget_calls()
    return world


def shows(world: World, steps: list[Image]) -> list[int]:
    """The tag takes *steps*, with two sweeps after each; the revisions that there are then."""
    counts = []
    for image in steps:
        world.push(REPOSITORY, image)
        world.sweep()
        world.sweep()
        counts.append(world.revisions("app"))
    return counts


@pytest.mark.parametrize("steps", QUIET.values(), ids=QUIET.keys())
def test_what_is_no_other_image_here_makes_no_revision(followed: World, steps: list[Image]) -> None:
    assert shows(followed, steps) == [1] * len(steps)

    assert followed.runs("app") == ours(1).digest
    assert "new_image" not in {outcome.reason for outcome in followed.said("Deployed")}


@pytest.mark.parametrize("steps", QUIET.values(), ids=QUIET.keys())
def test_it_is_recorded_once_and_not_found_again(followed: World, steps: list[Image]) -> None:
    shows(followed, steps)
    known = {ours(1).digest, FIRST.digest}
    # Where the tag names the child itself there is nothing to learn.
    learnt = sum(
        step.digest != before.digest
        and step.digest != ours(1).digest
        and not (before.digest == ours(1).digest and step.digest in known)
        for before, step in zip([FIRST, *steps], steps, strict=False)
    )

    assert followed.writes()["UpdateService"] == learnt
    seen, deployed = len(followed.hub.requests), len(followed.said("Deployed"))
    followed.run.journal.forget_calls()
    followed.sweep()
    assert len(followed.said("Deployed")) == deployed, "nothing was asked for"
    assert len(followed.heads(seen)) == 1
    assert followed.pulls(seen) == []
    assert followed.writes() == {}


@pytest.mark.parametrize("steps", LOUD.values(), ids=LOUD.keys())
def test_another_image_for_this_platform_is_deployed_once(
    followed: World, steps: list[Image]
) -> None:
    assert shows(followed, steps) == [2]

    assert followed.runs("app") != ours(1).digest


def test_there_and_back_again_are_two_moves(followed: World) -> None:
    other = index(ours(2), theirs(2))

    assert shows(followed, [other, FIRST, other]) == [2, 3, 4]
    assert followed.runs("app") == ours(2).digest


def test_there_and_back_between_two_looks_is_none(followed: World) -> None:
    followed.push(REPOSITORY, index(ours(2), theirs(2)))
    followed.push(REPOSITORY, FIRST)
    followed.sweep()

    assert followed.revisions("app") == 1
    assert followed.writes() == {}


def test_messages_that_come_twice_make_one_revision_for_each_move(followed: World) -> None:
    followed.bus.again = True
    for number in range(2, 5):
        followed.push(REPOSITORY, index(ours(number), theirs(number)))
        followed.sweep()
        followed.settle(120)

    assert followed.revisions("app") == 4


Deployer = Callable[[World], str]


def by_index(world: World) -> str:
    return FIRST.digest


def by_child(world: World) -> str:
    return ours(1).digest


@pytest.mark.parametrize("shows_child", [True, False], ids=["child", "as deployed"])
@pytest.mark.parametrize("deployed", [by_index, by_child])
def test_a_service_of_others_that_runs_the_image_is_left_as_it_is(
    world: World, deployed: Deployer, *, shows_child: bool
) -> None:
    """U22: what a service says when an index was deployed; and it may have been either."""
    world.run.behaviour.shows_child_digest = shows_child
    world.push(REPOSITORY, FIRST)
    world.make_by_hand("app", REPOSITORY, deployed(world))
    world.order(kind="track", service="app", image=REPOSITORY)
    world.settle()

    world.sweep()
    world.sweep()
    assert world.revisions("app") == 1

    told = len(world.outcomes)
    world.sweep()
    assert {type(outcome).__name__ for outcome in world.outcomes[told:]} == {"Swept"}, (
        "what it runs was recorded, and is not found again"
    )

    world.push(REPOSITORY, index(ours(2), theirs(2)))
    world.sweep()
    assert world.runs("app") == ours(2).digest
