"""A thousand services on fifty tags: what a sweep asks for, and of whom."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina
from google.cloud import run_v2

from local import world as names
from tests.simulation.world import PARENT, World, sample
from transship.model.digest import Digest
from transship.model.marks import tracking_marks
from transship.model.record import Proof, Record
from transship.model.reference import parse_reference

SERVICES, TAGS = 1000, 50


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with stamina.set_testing(True, attempts=2), World(tmp_path, images=False) as world:
        yield world


def make(world: World, number: int) -> None:
    """As a deploy would have left it."""
    repository = f"team/app-{number % TAGS}"
    tag = parse_reference(repository)
    image = sample(repository)
    child = Digest(image.child("linux/amd64").digest)
    record = Record(
        image=tag,
        index=Digest(image.digest),
        child=child,
        cause=f"made-{number}",
        requested_at=world.clock.now(),
        asked_for="",
        pulled=Proof(blobs=0, bytes=0, seconds=0.0),
    )
    marks = tracking_marks(tag, ())
    annotations = {
        **record.annotations(),
        **marks.annotations,
        "transship.dev/strategy": "immediate",
    }
    service = run_v2.Service(
        labels={key: value for key, value in marks.labels.items() if value is not None},
        annotations=annotations,
        template=run_v2.RevisionTemplate(
            annotations=record.annotations(),
            containers=[run_v2.Container(image=f"{names.MIRROR}/{repository}@{child}")],
        ),
    )
    world.services.create_service(parent=PARENT, service=service, service_id=f"app-{number}")


def test_a_thousand_services_on_fifty_tags(world: World) -> None:
    for number in range(TAGS):
        world.push(f"team/app-{number}", sample(f"team/app-{number}"))
    for number in range(SERVICES):
        make(world, number)
    world.run.journal.forget_calls()
    seen = len(world.hub.requests)

    world.sweep()

    assert len(world.heads(seen)) == TAGS, "a request for each tag, and not for each service"
    assert world.pulls(seen) == []
    # Pages of 200, for the tick and for its one shard.
    assert len(world.run.calls("v1.ListServices")) == 2 * SERVICES / 200
    assert world.writes() == {}

    moved = sample("moved")
    world.push("team/app-7", moved)
    seen = len(world.hub.requests)
    world.run.journal.forget_calls()
    world.sweep()
    world.settle(60)

    assert len(world.heads(seen)) == TAGS
    assert len(world.pulls(seen)) == 2, "an index and its child, for all of its services"
    assert world.writes() == {"UpdateService": SERVICES / TAGS}
    for number in range(7, SERVICES, TAGS):
        assert world.runs(f"app-{number}") == moved.child("linux/amd64").digest
