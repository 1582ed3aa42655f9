"""How a rollout ends as one outcome, and as the same one however often it is asked."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.nouns import (
    FAILED,
    NAME,
    NOON,
    OTHER,
    PINNED,
    a_deploy,
    a_record,
    a_revision,
    a_service,
    wanted,
)
from tests.unit.scripted_run import answering
from transship.conclude import conclude
from transship.errors import PublicAccessRefused
from transship.model.outcome import Deployed, Failed, Unchanged
from transship.model.plan import Change, CreateService, NewRevision, SetPublic
from transship.model.reason import Reason
from transship.model.service import Service
from transship.rollout import Landed

DEPLOY = a_deploy(event_id="2")
OURS = a_record(cause="2", requested_at=NOON, reason="new_image")
NEWER = a_record(cause="3", requested_at=NOON.replace(hour=13), child=OTHER)


def made(current: Service | None = None) -> tuple[Change, ...]:
    want = wanted(DEPLOY, current)
    if current is None:
        return (CreateService(wanted=want),)
    return (NewRevision(current=current, wanted=want, reason=Reason.NEW_IMAGE),)


def test_what_was_made_and_serves_is_deployed() -> None:
    after = a_service(OURS, generation=2, observed_generation=2)
    landed = Landed(seen=a_service(), changes=made(a_service()), generation=2)

    told = conclude(DEPLOY, landed, answering(after).cloud_run())

    assert isinstance(told, Deployed)
    assert (told.changed, told.reason, told.revision) == (True, "new_image", "web-1")


def test_a_redelivery_tells_the_same() -> None:
    after = a_service(OURS, generation=2, observed_generation=2)
    first = Landed(seen=a_service(), changes=made(a_service()), generation=2)
    again = Landed(seen=after)

    assert conclude(DEPLOY, first, answering(after).cloud_run()) == conclude(
        DEPLOY, again, answering(None).cloud_run()
    )


def test_where_nothing_had_to_be_done_nothing_was_changed() -> None:
    told = conclude(DEPLOY, Landed(seen=a_service()), answering(None).cloud_run())

    assert isinstance(told, Deployed)
    assert (told.changed, told.reason) == (False, "up_to_date")


def test_a_revision_that_never_became_ready_is_a_failure() -> None:
    after = a_service(OURS, generation=2, condition=FAILED, latest_created="web-2", traffic=PINNED)
    revision = a_revision(OURS, name="web-2", condition=FAILED)
    landed = Landed(seen=a_service(), changes=made(a_service()), generation=2)

    told = conclude(DEPLOY, landed, answering(after, revisions=[revision]).cloud_run())

    assert isinstance(told, Failed)
    assert (told.revision, told.serving, told.message) == ("web-2", "web-1", "no answer")


def test_a_request_for_what_another_event_made_in_vain_fails_too() -> None:
    """It came while Cloud Run was at work, and had nothing to change."""
    after = a_service(condition=FAILED)

    told = conclude(DEPLOY, Landed(seen=after), answering(after).cloud_run())

    assert isinstance(told, Failed)


@pytest.mark.parametrize("changes", [made(a_service()), ()])
def test_whoever_was_overtaken_while_watching_does_not_claim_the_newer_deploy(
    changes: tuple[Change, ...],
) -> None:
    landed = Landed(seen=a_service(), changes=changes, generation=2)
    run = answering(a_service(NEWER, generation=3, observed_generation=3))

    told = conclude(DEPLOY, landed, run.cloud_run())

    assert told == Unchanged(
        event_id="2",
        image=str(DEPLOY.image),
        service="web",
        project=NAME.project,
        region=NAME.region,
        reason="superseded",
        clear=Reason.SUPERSEDED.help,
    )


@pytest.mark.parametrize(("condition", "kind"), [({}, Deployed), ({"condition": FAILED}, Failed)])
def test_whoever_was_overtaken_after_it_was_done_tells_what_became_of_it(
    condition: dict[str, Any], kind: type
) -> None:
    revision = a_revision(OURS, **condition)
    run = answering(a_service(NEWER), revisions=[revision])

    told = conclude(DEPLOY, Landed(seen=None, kept=Reason.SUPERSEDED), run.cloud_run())

    assert isinstance(told, kind)
    assert told.fields()["revision"] == "web-1"


def test_a_hold_is_told_with_how_to_end_it() -> None:
    landed = Landed(seen=None, kept=Reason.OPERATOR_HOLD)

    told = conclude(DEPLOY, landed, answering(None).cloud_run())

    assert isinstance(told, Unchanged)
    assert (told.reason, told.clear) == ("operator_hold", Reason.OPERATOR_HOLD.help)


def test_a_revision_that_an_operators_pin_keeps_from_serving_is_not_claimed() -> None:
    after = a_service(
        OURS,
        generation=2,
        observed_generation=2,
        latest_created="web-2",
        latest_ready="web-2",
        asked_traffic=PINNED,
        traffic=PINNED,
    )
    landed = Landed(seen=a_service(), changes=made(a_service()), generation=2)

    told = conclude(DEPLOY, landed, answering(after).cloud_run())

    assert isinstance(told, Unchanged)
    assert told.reason == "operator_hold"


def test_access_that_a_crash_left_out_is_given() -> None:
    deploy = replace(DEPLOY, public=True)
    run = answering(None)

    told = conclude(deploy, Landed(seen=a_service(OURS)), run.cloud_run())

    assert isinstance(told, Deployed)
    assert (told.public, run.writes) == (True, ["set_public"])


def test_access_that_is_as_asked_is_not_given_again() -> None:
    deploy = replace(DEPLOY, public=False)
    run = answering(None)

    told = conclude(deploy, Landed(seen=a_service(OURS)), run.cloud_run())

    assert isinstance(told, Deployed)
    assert (told.public, run.writes) == (False, [])


def test_access_that_is_refused_afterwards_is_told() -> None:
    deploy = replace(DEPLOY, public=True)
    run = answering(None)
    run.public_refusals = [PublicAccessRefused("organization policy")]

    told = conclude(deploy, Landed(seen=a_service(OURS)), run.cloud_run())

    assert isinstance(told, Deployed)
    assert (told.public, told.detail) == (False, "organization policy")


def test_access_alone_is_a_change() -> None:
    changes = (SetPublic(service=NAME, public=True),)
    landed = Landed(seen=a_service(), changes=changes, public=True)

    told = conclude(replace(DEPLOY, public=True), landed, answering(None).cloud_run())

    assert isinstance(told, Deployed)
    assert (told.changed, told.reason, told.public) == (True, "new_access", True)
