"""Somebody else acts while a revision is on trial: another deploy, an operator, another event."""

import pytest
from msgspec.structs import replace

from tests.unit.nouns import a_deploy, a_record, a_service
from tests.unit.scripted_run import answering
from tests.unit.small_run import SmallRun
from tests.unit.trial_world import BAD, FIRST, GOOD, OTHER, World, told
from tests.unit.trials import CANDIDATE, UNWATCHED, begun, service_of
from transship.conclude import conclude
from transship.errors import DeployPending
from transship.model.candidate import read_trial
from transship.model.traffic import Share, public_text
from transship.model.witnessed import witnessed
from transship.rollout import Landed

pytestmark = pytest.mark.usefixtures("impatient")


def test_an_operators_traffic_ends_a_trial_and_stays(world: World) -> None:
    world.tag = GOOD
    event = world.event("2", **CANDIDATE)
    trial = read_trial(begun(world, event))
    assert trial is not None
    split = (
        Share(percent=50, revision=trial.previous),
        Share(percent=50, revision=trial.revision, tag="next"),
    )
    world.run.by_hand(asked_traffic=split)
    world.run.pass_time()

    world.settle(event)

    assert public_text(service_of(world).asked_traffic) == public_text(split)
    assert {share.tag for share in service_of(world).asked_traffic} == {""}
    assert "transship-rollout" not in service_of(world).labels
    assert told(world, "2") == [("unchanged", "operator_hold")]


def test_a_deploy_by_hand_that_fails_brings_nobody_to_the_unproved(world: World) -> None:
    world.tag = BAD
    event = world.event("2", **CANDIDATE)
    begun(world, event)
    world.run.never_ready.add(OTHER.value)
    world.run.deploy_by_hand("web-theirs", OTHER.value)
    world.run.pass_time()

    world.settle(event)

    assert world.run.served == [FIRST.value]
    assert told(world, "2") == [("unchanged", "superseded")]


def test_a_message_for_what_is_on_trial_waits_for_the_trial(world: World) -> None:
    world.tag = BAD
    first = world.event("2", **CANDIDATE)
    begun(world, first)

    world.settle(world.event("3"))

    assert told(world, "3") == [("failed", "rejected")]
    world.settle(first)
    assert told(world, "2") == [("failed", "rejected")]
    assert len(world.run.revisions) == 2


def test_how_the_next_images_start_is_recorded_without_a_revision(world: World) -> None:
    world.settle(world.event("2", **UNWATCHED))

    annotations = service_of(world).annotations
    assert annotations["transship.dev/strategy"] == "candidate"
    assert annotations["transship.dev/probe"] == '{"watch":0}'
    assert told(world, "2") == [("deployed", "steered")]
    assert len(world.run.revisions) == 1

    world.tag = GOOD
    world.settle(world.event("3"))
    assert "next" not in {share.tag for share in service_of(world).asked_traffic}
    assert read_trial(service_of(world)) is None
    assert len(witnessed(service_of(world).annotations)) == 2, "on trial, as recorded"


def test_a_service_that_never_served_has_nothing_to_keep(world: World) -> None:
    other = World(run=SmallRun(never_ready={BAD.value}), tag=BAD)
    other.settle(other.event("1"))
    assert told(other, "1") == [("failed", "never_ready")]
    other.tag = GOOD

    other.settle(other.event("2", **CANDIDATE))

    assert told(other, "2") == [("deployed", "new_image")]
    assert other.run.served == [GOOD.value]


def test_an_immediate_deploy_that_fails_leaves_visitors_where_they_are(world: World) -> None:
    world.tag = BAD
    world.settle(world.event("2", **CANDIDATE))
    world.run.never_ready.add(OTHER.value)
    world.tag = OTHER

    world.settle(world.event("3", strategy="immediate"))

    assert told(world, "3") == [("failed", "never_ready")]
    assert world.run.served == [FIRST.value]


def test_what_asks_for_the_image_of_a_trial_that_another_overtakes_comes_again() -> None:
    first, second = (
        replace(
            a_service(a_record(cause=event_id)),
            annotations={
                **a_service().annotations,
                "transship.dev/rollout": (
                    f'{{"revision": "web-1", "previous": "web-0", "event_id": "{event_id}",'
                    ' "phase": "gate", "since": "2026-11-24T11:00:00Z"}'
                ),
                "transship.dev/traffic": "web-0=100",
            },
            asked_traffic=(Share(percent=100, revision="web-0"),),
        )
        for event_id in ("1", "2")
    )
    cloud_run = answering(first, second).cloud_run()

    with pytest.raises(DeployPending, match="on trial is another event"):
        conclude(a_deploy(event_id="3"), Landed(seen=None), cloud_run)


def test_a_step_of_another_events_trial_is_none(world: World) -> None:
    world.tag = GOOD
    service = begun(world, world.event("2", **CANDIDATE))

    world.deliver(world.event("9", kind="advance", event_id="1"))

    assert service_of(world) is service
