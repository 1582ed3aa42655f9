"""Races for one service: read, decide, write, and read again."""

import pytest

from tests.unit.nouns import (
    FAILED,
    NAME,
    NOON,
    PINNED,
    WORKING,
    a_deploy,
    a_record,
    a_service,
    found,
    wanted,
)
from tests.unit.scripted_run import answering, conflicts
from transship.errors import AccessDenied, DeployPending, PublicAccessRefused, ServiceConflict
from transship.model.plan import Change, CreateService, NewRevision, SetPublic, plan_deploy
from transship.model.reason import Reason
from transship.model.request import Deploy
from transship.model.service import Service
from transship.rollout import Landed, roll_out, watch


class Planned:
    """The plan of a deploy, and what it was made for."""

    def __init__(self, deploy: Deploy) -> None:
        self._deploy = deploy
        self.seen: list[Service | None] = []

    def __call__(self, current: Service | None, public: bool | None) -> list[Change]:
        self.seen.append(current)
        want = wanted(self._deploy, current, found())
        return plan_deploy(self._deploy, want, current, public=public)


def test_a_new_service_is_made() -> None:
    deploy, run = a_deploy(), answering(None)

    landed = roll_out(deploy, Planned(deploy), run.cloud_run())

    assert [type(change) for change in landed.changes] == [CreateService]
    assert (landed.generation, landed.seen, landed.public) == (2, None, None)
    assert run.writes == ["create"]
    assert run.slept == []


def test_whoever_loses_a_race_plans_for_what_is_there_then() -> None:
    deploy = a_deploy(concurrency=7)
    theirs = a_service(etag="e2")
    run = answering(None, theirs)
    run.refusals = conflicts(1)
    plan = Planned(deploy)

    landed = roll_out(deploy, plan, run.cloud_run())

    assert plan.seen == [None, theirs]
    assert [type(change) for change in landed.changes] == [NewRevision]
    assert landed.seen is theirs


def test_whoever_loses_to_a_newer_request_leaves_it() -> None:
    deploy = a_deploy(concurrency=7)
    newer = a_service(a_record(requested_at=NOON.replace(hour=13)))
    run = answering(a_service(), newer)
    run.refusals = conflicts(1)

    landed = roll_out(deploy, Planned(deploy), run.cloud_run())

    assert landed == Landed(seen=newer, kept=Reason.SUPERSEDED)
    assert run.writes == []


def test_whoever_loses_to_a_copy_of_the_same_event_is_done() -> None:
    deploy = a_deploy(event_id="9")
    applied = a_service(a_record(cause="9"))
    run = answering(None, applied)
    run.refusals = conflicts(1)

    landed = roll_out(deploy, Planned(deploy), run.cloud_run())

    assert landed == Landed(seen=applied)


def test_losing_again_and_again_is_left_to_a_redelivery() -> None:
    deploy, run = a_deploy(), answering(None)
    run.refusals = conflicts(100)

    with pytest.raises(ServiceConflict, match="4 times"):
        roll_out(deploy, Planned(deploy), run.cloud_run())

    assert len(run.refusals) == 96
    assert len(run.slept) == 3


def test_traffic_that_is_held_is_not_written_to() -> None:
    deploy, run = a_deploy(), answering(a_service(asked_traffic=PINNED))

    landed = roll_out(deploy, Planned(deploy), run.cloud_run())

    assert (landed.kept, run.writes) == (Reason.OPERATOR_HOLD, [])


@pytest.mark.parametrize(
    "refusal", [PublicAccessRefused("organization policy"), AccessDenied("grant something")]
)
def test_access_that_is_refused_is_told_and_no_change(
    refusal: PublicAccessRefused | AccessDenied,
) -> None:
    deploy, run = a_deploy(allow_unauthenticated=True), answering(a_service())
    run.public_refusals = [refusal]

    landed = roll_out(deploy, Planned(deploy), run.cloud_run())

    assert (landed.changes, landed.public, landed.detail) == ((), False, str(refusal))


def test_access_that_is_given_is_a_change() -> None:
    deploy, run = a_deploy(allow_unauthenticated=True), answering(a_service())

    landed = roll_out(deploy, Planned(deploy), run.cloud_run())

    assert landed.changes == (SetPublic(service=NAME, public=True),)
    assert (landed.public, landed.detail, run.public) == (True, "", True)


# Watching


def test_what_nobody_wrote_to_need_not_be_read_again() -> None:
    seen = a_service()

    assert watch(NAME, Landed(seen=seen), answering(None).cloud_run()) is seen


def test_what_was_written_is_read_until_it_is_finished() -> None:
    done = a_service(generation=2, observed_generation=2)
    run = answering(
        None,
        a_service(),
        a_service(generation=2, reconciling=True, condition=WORKING),
        a_service(generation=2, observed_generation=2, latest_created="web-2"),
        done,
    )

    assert watch(NAME, Landed(seen=a_service(), generation=2), run.cloud_run()) is done
    assert len(run.slept) == 4


def test_what_failed_is_finished() -> None:
    failed = a_service(generation=2, condition=FAILED)

    run = answering(failed)
    assert watch(NAME, Landed(seen=None, generation=2), run.cloud_run()) is failed


def test_what_takes_too_long_is_left_to_a_redelivery() -> None:
    run = answering(a_service(reconciling=True))

    with pytest.raises(DeployPending, match="still working on generation 2"):
        watch(NAME, Landed(seen=None, generation=2), run.cloud_run(seconds=30))

    assert 20 < sum(run.slept) <= 30
    assert max(run.slept) <= 5 * 1.2
