"""A service of several containers, seen as the service of one of them."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.nouns import (
    CHILD,
    IMAGE,
    NOON,
    OTHER,
    a_deploy,
    a_record,
    a_revision,
    a_service,
    digest,
    found,
    mirrored,
    wanted,
)
from tests.unit.scripted_run import answering
from transship.conclude import conclude
from transship.errors import DeployPending, InvalidEvent, Refused
from transship.model.candidate import begin
from transship.model.focus import (
    focus,
    followers_in,
    free_labels,
    is_cause,
    is_of,
    placed,
    seen_by,
)
from transship.model.marks import TRACKED_LABEL, Marks, tracking_marks
from transship.model.naming import tracking_label
from transship.model.outcome import Deployed
from transship.model.plan import NewRevision, plan_deploy
from transship.model.quarantine import quarantine_marks
from transship.model.reason import Reason
from transship.model.reference import parse_reference
from transship.model.service import Container, Service
from transship.model.standing import standing
from transship.rollout import Landed, another_trial, of_container, roll_out

HELPER = parse_reference("library/fluentd:v1")


def service(**fields: object) -> Service:
    """The one that serves, and a helper with a tag and a record of its own."""
    alone = a_service()
    own = {
        f"{key}.helper": text
        for key, text in a_record(image=HELPER, child=OTHER, index=None, cause="9")
        .annotations()
        .items()
        if not key.endswith("schema")
    }
    helper = Container(name="helper", image=mirrored(HELPER).pin(OTHER).untagged())
    return replace(
        alone,
        containers=(*alone.containers, helper),
        annotations={**alone.annotations, **own, "transship.dev/tracks.helper": str(HELPER)},
        template_annotations={**alone.template_annotations, **own},
        labels={**alone.labels, tracking_label(HELPER.name): ""},
        **fields,
    )


def test_seen_by_a_container_its_image_and_record_are_the_services() -> None:
    seen = focus(service(), "helper")

    assert (seen.tracks, seen.runs(OTHER)) == (HELPER, True)
    assert seen.record is not None
    assert (seen.record.child, seen.record.cause) == (OTHER, "9")
    assert service().record == a_record(), "and of the serving one nothing has changed"


def test_a_focus_is_the_same_however_often_it_is_taken() -> None:
    seen = focus(service(), "helper")

    assert focus(seen, "helper") == seen


def test_the_serving_containers_own_name_is_as_good_as_none() -> None:
    named = service()
    app = (replace(named.containers[0], name="app"), *named.containers[1:])

    assert focus(replace(named, containers=app), "app").container == ""


def test_a_container_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(Refused, match="'none'; right is one of helper"):
        focus(service(), "none")
    with pytest.raises(Refused, match="there is only one"):
        focus(a_service(), "helper")
    assert seen_by(a_service(), "helper") == a_service()


def test_what_is_the_services_has_one_place_and_the_rest_one_for_each() -> None:
    marks = Marks(annotations={"transship.dev/tracks": "x", "transship.dev/traffic": "y"})

    assert placed(marks, "helper").annotations == {
        "transship.dev/tracks.helper": "x",
        "transship.dev/traffic": "y",
    }
    assert placed(marks, "") == marks


def test_followers_are_the_containers_that_track() -> None:
    annotations = dict(service().annotations)
    assert followers_in(annotations) == ("", "helper")

    del annotations["transship.dev/tracks"]
    assert followers_in(annotations) == ("helper",)
    assert followers_in({}) == ("",), "somebody has to miss it"


def test_no_container_takes_a_label_away_that_another_is_found_by() -> None:
    for name, gone in (("", IMAGE), ("helper", HELPER)):
        seen = focus(service(), name)
        labels = tracking_marks(None, free_labels(seen)).labels
        assert labels == {tracking_label(gone.name): None}

    alone = a_service()
    assert TRACKED_LABEL in tracking_marks(None, free_labels(alone)).labels


def test_a_cause_is_found_for_each_container() -> None:
    assert is_cause(service().annotations, "1")
    assert is_cause(service().annotations, "9")
    assert not is_cause(service().annotations, "5")


@pytest.mark.parametrize(
    ("key", "container", "is_own"),
    [
        ("transship.dev/child", "", True),
        ("transship.dev/child.helper", "", False),
        ("transship.dev/child.helper", "helper", True),
        ("transship.dev/child", "helper", False),
        ("example.com/child", "", False),
    ],
)
def test_whose_annotation_it_is(key: str, container: str, is_own: bool) -> None:
    assert is_of(key, container) is is_own


def test_a_deploy_of_a_container_changes_its_image_and_no_setting() -> None:
    deploy = a_deploy(image=str(HELPER), container="helper", event_id="10")
    current = focus(service(), "helper")

    new = digest("7")
    (change,) = plan_deploy(
        deploy, wanted(deploy, current, found(digest("c"), new)), current, public=None
    )

    assert isinstance(change, NewRevision)
    assert change.wanted.image == mirrored(HELPER).pin(new)
    assert change.wanted.settings.named() == {}
    assert change.wanted.tracks == HELPER
    labels = change.wanted.marks(current.labels).labels
    assert tracking_label(IMAGE.name) not in labels


@pytest.mark.parametrize("named", [{"memory": "1Gi"}, {"allow_unauthenticated": True}])
def test_settings_are_those_of_the_one_that_serves(named: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent, match=r"its image alone - at `\$.container`"):
        a_deploy(container="helper", **named)


def test_nothing_is_deployed_beside_an_image_that_turned_out_bad() -> None:
    """It would be found to be bad as well, whatever it is."""
    helper = focus(service(), "helper")
    bad = quarantine_marks(
        helper, helper.record, helper.latest_created, reason="rejected", evidence="", at=NOON
    )
    current = replace(service(), annotations={**service().annotations, **_texts(bad.annotations)})
    deploy = a_deploy(event_id="10")

    assert standing(deploy, current) is Reason.QUARANTINED
    assert standing(replace(deploy, container="helper"), focus(current, "helper")) is None
    assert CHILD.value not in str(bad.annotations)


def test_a_deploy_waits_while_another_containers_image_is_on_trial() -> None:
    current = service()
    trial = begin(focus(current, "helper"), event_id="9", phase="gate", now=NOON)
    assert trial is not None
    tried = replace(current, annotations={**current.annotations, **_texts(trial.marks.annotations)})

    with pytest.raises(DeployPending, match="is on trial"):
        roll_out(a_deploy(event_id="10"), lambda *_: [], answering(tried).cloud_run())
    assert another_trial(focus(tried, "helper")) is None


def test_a_part_of_nothing_cannot_be_deployed() -> None:
    with pytest.raises(Refused, match="right is a deploy of it first"):
        of_container(a_deploy(container="helper"), None)


def test_an_image_is_not_bad_because_another_beside_it_is() -> None:
    """It was deployed before, and is told again."""
    helper = focus(service(), "helper")
    bad = quarantine_marks(
        helper, helper.record, helper.latest_created, reason="rejected", evidence="", at=NOON
    )
    now = replace(service(), annotations={**service().annotations, **_texts(bad.annotations)})
    run = answering(now, revisions=[a_revision(name="web-0")])

    told = conclude(a_deploy(event_id="1"), Landed(seen=now), run.cloud_run())

    assert isinstance(told, Deployed)
    assert (told.revision, told.detail) == ("web-0", "superseded since")


def test_a_tag_that_another_hand_broke_needs_no_label() -> None:
    broken = {**service().annotations, "transship.dev/tracks.helper": "::"}

    assert free_labels(replace(service(), annotations=broken)) == list(service().labels)


def _texts(annotations: object) -> dict[str, str]:
    return {key: value for key, value in annotations.items() if value}  # type: ignore[attr-defined]  # a mapping
