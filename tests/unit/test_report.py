"""Outcomes: the words, the ids, and what they are made from."""

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from msgspec.structs import replace

from tests.unit.nouns import (
    CHILD,
    FAILED,
    INDEX,
    NAME,
    NOON,
    a_deploy,
    a_record,
    a_revision,
    a_service,
    digest,
    wanted,
)
from transship.errors import ImageNotFound, Refused
from transship.model import report
from transship.model.marks import tracking_marks
from transship.model.outcome import Rejected, cloud_event
from transship.model.plan import Annotate, Change, CreateService, NewRevision, SetPublic
from transship.model.reason import Reason

# What a consumer may rely on: CloudEvents 1.0, JSON format.
# https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/cloudevents.json
CLOUD_EVENT = {
    "type": "object",
    "required": ["id", "source", "specversion", "type"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1},
        "specversion": {"const": "1.0"},
        "type": {"type": "string", "pattern": r"^dev\.transship\.[a-z]+\.v1$"},
        "subject": {"type": "string", "minLength": 1},
        "time": {"type": "string"},
        "datacontenttype": {"const": "application/json"},
        "data": {"type": "object", "required": ["event_id"]},
    },
    "additionalProperties": False,
}


def test_an_outcome_is_a_cloud_event_about_its_service() -> None:
    outcome = report.deployed(a_deploy(), a_service(), "new_image", changed=True, record=a_record())

    event = cloud_event(outcome, source="//transship.dev/projects/sample-project", time=NOON)

    jsonschema.validate(event, CLOUD_EVENT)
    assert event["id"] == "2.outcome"
    assert event["subject"] == str(NAME)
    assert event["data"]["index_digest"] == str(INDEX)
    assert event["data"]["child_digest"] == str(CHILD)


def test_an_outcome_about_nothing_in_particular_has_no_subject() -> None:
    event = cloud_event(Rejected(event_id="1", error="InvalidEvent"), source="//s", time=NOON)

    jsonschema.validate(event, CLOUD_EVENT)
    assert "subject" not in event


def test_the_id_depends_on_the_event_alone() -> None:
    ids = {
        report.unchanged(a_deploy(), Reason.SUPERSEDED).id,
        report.rejected(a_deploy(), ImageNotFound("gone")).id,
        report.failed(a_deploy(), a_service(), None).id,
    }

    assert ids == {"2.outcome"}


def test_what_a_revision_recorded_is_repeated() -> None:
    told = report.deployed(a_deploy(), a_service(), "new_image", changed=True, record=a_record())

    assert (told.blobs, told.bytes, told.seconds, told.mirror_agrees) == (3, 300, 0.3, True)
    assert (told.revision, told.url, told.public) == ("web-1", "https://web.example", None)


def test_a_service_without_a_record_is_told_without_lineage() -> None:
    told = report.deployed(a_deploy(), a_service(), "up_to_date", changed=False, record=None)

    assert "child_digest" not in told.fields()


def test_a_failure_is_told_in_the_revisions_words() -> None:
    service = a_service(condition=replace(FAILED, message="Revision 'web-2' is not ready."))

    told = report.failed(a_deploy(), service, a_revision(name="web-2", condition=FAILED))

    assert (told.revision, told.condition) == ("web-2", "HEALTH_CHECK_CONTAINER_ERROR")
    assert (told.message, told.log_url) == ("no answer", "https://log.example/web-1")
    assert told.serving == "web-1"


def test_a_failure_of_the_service_alone_is_told_in_its_words() -> None:
    service = a_service(condition=replace(FAILED, message="no route"))

    assert report.failed(a_deploy(), service, a_revision()).message == "no route"
    assert report.failed(a_deploy(), service, None).revision == "web-1"


def test_a_rejection_names_its_rule_where_there_is_one() -> None:
    refused = report.rejected(a_deploy(), Refused("policy.images", "not that one"))
    missing = report.rejected(a_deploy(), ImageNotFound("gone"))

    assert (refused.error, refused.rule) == ("Refused", "policy.images")
    assert (missing.error, missing.rule) == ("ImageNotFound", "")
    assert missing.service == "web"


def test_a_plan_is_a_line_for_each_change() -> None:
    deploy, current = a_deploy(concurrency=7), a_service()
    changes: list[Change] = [
        CreateService(wanted=wanted(deploy)),
        NewRevision(current=current, wanted=wanted(deploy, current), reason=Reason.NEW_SETTINGS),
        Annotate(
            current=current,
            marks=tracking_marks(None, current.labels),
            reason=Reason.NEW_TRACKING,
        ),
        SetPublic(service=NAME, public=True),
        SetPublic(service=NAME, public=False),
    ]

    told = report.planned(deploy, changes, digest("a"))

    create, replace_, say, let, do_not_let = told.fields()["plan"]
    assert create.startswith(f"create {NAME} with asia-northeast1-docker.pkg.dev/")
    assert replace_.endswith("changing concurrency")
    assert say.startswith(f"let {NAME} say")
    assert (let, do_not_let) == (
        f"let everybody invoke {NAME}",
        f"do not let everybody invoke {NAME}",
    )


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_one_word_and_says_how_to_clear_it(reason: Reason) -> None:
    assert reason.value.replace("_", "").isalpha()
    assert reason.value == str(reason)
    assert len(reason.help) > 10
