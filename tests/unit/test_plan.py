"""Facts in, a list of changes out."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.nouns import (
    CHILD,
    FAILED,
    IMAGE,
    INDEX,
    NAME,
    OTHER,
    PROOF,
    RUNTIME,
    a_deploy,
    a_record,
    a_service,
    digest,
    found,
    mirrored,
    wanted,
    with_settings,
)
from transship.model.plan import (
    Annotate,
    Change,
    CreateService,
    NewRevision,
    SetPublic,
    differing,
    plan_deploy,
    tracking_holds,
)
from transship.model.reason import Reason
from transship.model.request import Deploy
from transship.model.service import Container, Service
from transship.model.settings import Settings, pairs
from transship.model.wanted import recorded

ASKED = Settings(concurrency=7)


def plan(
    deploy: Deploy, current: Service | None, *, public: bool | None = None, **of: Any
) -> list[Change]:
    return plan_deploy(deploy, wanted(deploy, current, found(**of)), current, public=public)


def test_where_nothing_is_a_service_is_made() -> None:
    (change,) = plan(a_deploy(), None)

    assert isinstance(change, CreateService)
    assert change.wanted.image == mirrored().pin(CHILD)
    assert change.wanted.tracks == IMAGE
    assert change.wanted.record.reason == "new_service"


def test_where_all_is_as_asked_nothing_is_done() -> None:
    assert plan(a_deploy(), a_service()) == []


def test_another_digest_is_another_revision() -> None:
    (change,) = plan(a_deploy(), a_service(), child=OTHER)

    assert isinstance(change, NewRevision)
    assert (change.reason, change.wanted.record.reason) == (Reason.NEW_IMAGE, "new_image")


def test_the_same_digest_of_another_repository_is_another_image() -> None:
    elsewhere = mirrored().pin(CHILD).untagged()
    other = replace(elsewhere, repository="sample-project/docker/somebody/else")
    current = a_service(containers=(Container(name="", image=other),))

    (change,) = plan(a_deploy(), current)

    assert isinstance(change, NewRevision)


def test_a_service_that_runs_the_index_runs_the_image() -> None:
    current = a_service(containers=(Container(name="", image=mirrored().pin(INDEX)),))

    assert plan(a_deploy(), current) == []


def test_an_image_that_is_no_reference_is_another_image() -> None:
    (change,) = plan(a_deploy(), a_service(containers=(Container(name="", image=None),)))

    assert isinstance(change, NewRevision)


def test_a_revision_that_failed_is_tried_again() -> None:
    (change,) = plan(a_deploy(), a_service(condition=FAILED))

    assert isinstance(change, NewRevision)


def test_a_named_setting_that_differs_is_another_revision() -> None:
    (change,) = plan(a_deploy(concurrency=7), a_service())

    assert isinstance(change, NewRevision)
    assert change.reason is Reason.NEW_SETTINGS
    assert change.wanted.settings == ASKED, "and nothing else of it"


def test_an_index_that_changed_for_another_platform_is_only_written_down() -> None:
    (change,) = plan(a_deploy(), a_service(), index=digest("b"))

    assert isinstance(change, Annotate)
    assert change.reason is Reason.OTHER_PLATFORM_ONLY
    assert change.marks.annotations == {"transship.dev/index": str(digest("b"))}


def test_another_tag_of_the_same_digest_is_only_tracked() -> None:
    (change,) = plan(a_deploy(image="dockersamples/static-site:v2"), a_service())

    assert isinstance(change, Annotate)
    assert change.reason is Reason.NEW_TRACKING
    assert (
        change.marks.annotations["transship.dev/tracks"] == "docker.io/dockersamples/static-site:v2"
    )


@pytest.mark.parametrize("message", [{"track": False}, {"image": f"{IMAGE.name}@{INDEX}"}])
def test_what_is_not_to_be_tracked_loses_its_marks(message: dict[str, Any]) -> None:
    (change,) = plan(a_deploy(**message), a_service())

    assert isinstance(change, Annotate)
    assert change.marks.annotations["transship.dev/tracks"] is None
    assert set(change.marks.labels.values()) == {None}


def test_a_lost_label_is_set_again() -> None:
    current = a_service(labels={})
    assert not tracking_holds(IMAGE, current)

    (change,) = plan(a_deploy(), current)

    assert isinstance(change, Annotate)


@pytest.mark.parametrize(
    ("asked", "stands", "set_to"),
    [
        (None, None, None),
        (True, True, None),
        (False, False, None),
        (True, False, True),
        (False, True, False),
        (True, None, True),
        (False, None, None),
    ],
)
def test_access_is_changed_only_where_it_is_named_and_differs(
    asked: bool | None, stands: bool | None, set_to: bool | None
) -> None:
    deploy = a_deploy() if asked is None else a_deploy(allow_unauthenticated=asked)

    changes = plan(deploy, a_service(), public=stands)

    expected = [] if set_to is None else [SetPublic(service=NAME, public=set_to)]
    assert changes == expected


@pytest.mark.parametrize(
    ("exposed", "named", "port"),
    [((80,), None, 80), ((), None, 8080), ((80, 443), None, 8080), ((80,), 8081, 8081)],
)
def test_a_new_service_listens_where_its_image_says(
    exposed: tuple[int, ...], named: int | None, port: int
) -> None:
    deploy = a_deploy() if named is None else a_deploy(port=named)

    want = wanted(deploy, None, found(INDEX, CHILD, *exposed))

    assert want.settings.port == port


def test_a_new_service_has_defaults_where_nothing_is_named() -> None:
    settings = wanted(a_deploy(max_instances=3)).settings

    assert settings.max_instances == 3
    assert (settings.min_instances, settings.service_account) == (0, RUNTIME)


def test_an_existing_service_has_no_defaults_set() -> None:
    assert wanted(a_deploy(), a_service()).settings == Settings()


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ({}, None),
        ({"env_vars": {"C": "3"}}, {"C": "3"}),
        ({"env_vars": {}}, {}),
        ({"update_env_vars": {"B": "9", "C": "3"}}, {"A": "1", "B": "9", "C": "3"}),
        ({"remove_env_vars": ["A", "Z"]}, {"B": "2"}),
        ({"update_env_vars": {"A": "9"}, "remove_env_vars": ["A"]}, {"B": "2"}),
    ],
)
def test_variables_replace_or_merge(message: dict[str, Any], left: dict[str, str] | None) -> None:
    current = with_settings(a_service(), env_vars=pairs({"A": "1", "B": "2"}))

    settings = wanted(a_deploy(**message), current).settings

    assert settings.env_vars == (None if left is None else pairs(left))


def test_labels_are_added_to_those_that_are_there() -> None:
    current = with_settings(a_service(), labels=pairs({"team": "a", "cost": "1"}))

    settings = wanted(a_deploy(labels={"cost": "2"}), current).settings

    assert settings.labels == pairs({"team": "a", "cost": "2"})


def test_merging_into_nothing_is_a_beginning() -> None:
    assert wanted(a_deploy(update_env_vars={"A": "1"})).settings.env_vars == (("A", "1"),)


def test_what_was_asked_for_last_differs_in_nothing() -> None:
    """Cloud Run made something else of it than we know."""
    current = with_settings(a_service(a_record(asked_for=ASKED.fingerprint())), concurrency=8)

    assert differing(ASKED, current) == []
    assert differing(Settings(concurrency=6), current) == ["concurrency"]


def test_what_somebody_else_wrote_since_is_looked_at() -> None:
    current = replace(
        with_settings(a_service(a_record(asked_for=ASKED.fingerprint())), concurrency=8),
        client="gcloud",
    )

    assert differing(ASKED, current) == ["concurrency"]


def test_what_is_asked_for_is_counted_without_a_new_services_defaults() -> None:
    assert wanted(a_deploy(concurrency=7)).record.asked_for == ASKED.fingerprint()
    assert wanted(a_deploy(concurrency=7), a_service()).record.asked_for == ASKED.fingerprint()


@pytest.mark.parametrize("resolved", [INDEX, CHILD])
def test_what_was_deployed_before_is_known(resolved: Any) -> None:
    known = recorded(resolved, "upstream", a_service())

    assert (known.index, known.child, known.proof) == (INDEX, CHILD, PROOF)


def test_what_was_not_is_not() -> None:
    for current in (None, a_service()):
        known = recorded(OTHER, "mirror", current)
        assert (known.index, known.child, known.resolved_by) == (None, OTHER, "mirror")
        assert known.proof.blobs == 0
