"""Whether a service follows its tag now: facts in, one reason out."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.nouns import CHILD, IMAGE, INDEX, NAME, NOON, OTHER, a_record, digest, mirrored
from transship.model.follow import (
    AUTOMATIC_KEY,
    HOLD_KEY,
    PIN_KEY,
    SKIP_KEY,
    Follower,
    follow,
    follower_of,
)
from transship.model.marks import tracking_marks
from transship.model.note import Note, write_notes
from transship.model.reason import Reason
from transship.model.rules import Rules

PROPERTY = settings(derandomize=True, deadline=None)
NEW = digest("f")
NOTE = str(Note(at=NOON, by="ann"))


def follower(**annotations: str) -> Follower:
    return listed(annotations)


def listed(annotations: dict[str, str], **facts: Any) -> Follower:
    """A service that runs what was deployed last, as a list tells it."""
    tracking = {k: v for k, v in tracking_marks(IMAGE, ()).annotations.items() if v is not None}
    said: dict[str, Any] = {
        "image": mirrored().pin(CHILD).untagged(),
        "failed": False,
        "pinned_traffic": False,
    }
    return follower_of(
        NAME,
        annotations={**a_record().annotations(), **tracking, **annotations},
        **{**said, **facts},
    )


def reason(of: Follower, upstream: Any = NEW, **rules: Any) -> Reason:
    return follow(of, upstream, rules=Rules(**rules), listed=True, now=NOON)


def test_a_moved_tag_is_deployed() -> None:
    assert reason(follower()) is Reason.NEW_IMAGE


@pytest.mark.parametrize("upstream", [INDEX, CHILD], ids=["its index", "its child"])
def test_what_runs_is_up_to_date(upstream: Any) -> None:
    assert reason(follower(), upstream) is Reason.UP_TO_DATE


def test_an_index_that_others_deployed_counts_too() -> None:
    of = replace(follower(), image=mirrored().pin(INDEX).untagged(), index=None)

    assert reason(of, INDEX) is Reason.UP_TO_DATE


@pytest.mark.parametrize(
    ("annotations", "facts", "expected"),
    [
        ({HOLD_KEY: NOTE}, {}, Reason.HELD),
        ({HOLD_KEY: "what another hand made of it"}, {}, Reason.HELD),
        ({PIN_KEY: NOTE}, {}, Reason.PINNED),
        ({SKIP_KEY: write_notes({NEW.value: Note(at=NOON)})}, {}, Reason.SKIPPED),
        ({}, {"pinned_traffic": True}, Reason.OPERATOR_HOLD),
        ({}, {"image": mirrored().pin(OTHER).untagged()}, Reason.OPERATOR_HOLD),
        ({"transship.dev/tracks": "not a reference!"}, {}, Reason.TRACKING_LOST),
        ({"transship.dev/tracks": ""}, {}, Reason.TRACKING_LOST),
    ],
)
def test_what_is_in_the_way(
    annotations: dict[str, str], facts: dict[str, Any], expected: Reason
) -> None:
    assert reason(listed(annotations, **facts)) is expected


def test_another_digest_is_skipped_no_more() -> None:
    skips = write_notes({OTHER.value: Note(at=NOON)})

    assert reason(follower(**{SKIP_KEY: skips})) is Reason.NEW_IMAGE


def test_a_tag_that_was_set_by_hand_is_followed_on() -> None:
    """Nobody chose a digest: the service is to run what the tag means."""
    assert reason(listed({}, image=mirrored())) is Reason.NEW_IMAGE


def test_a_digest_that_failed_is_told_from_one_that_did_not() -> None:
    assert reason(listed({}, failed=True), INDEX) is Reason.FAILED_BEFORE
    assert reason(listed({}, failed=True), NEW) is Reason.NEW_IMAGE


def test_paused_is_everywhere() -> None:
    assert reason(follower(), paused=True) is Reason.PAUSED


@pytest.mark.parametrize(("ago", "expected"), [(59, Reason.PACED), (60, Reason.NEW_IMAGE)])
def test_the_pace_is_of_the_last_hour(ago: int, expected: Reason) -> None:
    times = " ".join((NOON - timedelta(minutes=ago)).isoformat() for _ in range(2))

    assert reason(follower(**{AUTOMATIC_KEY: times}), pace=2) is expected
    assert reason(follower(**{AUTOMATIC_KEY: times}), pace=3) is Reason.NEW_IMAGE
    assert reason(follower(**{AUTOMATIC_KEY: "broken"}), pace=1) is Reason.NEW_IMAGE


def test_a_region_that_policy_does_not_list_is_left_alone() -> None:
    found = follow(follower(), NEW, rules=Rules(), listed=False, now=NOON)

    assert found is Reason.UNLISTED_REGION


FLAGS = ("failed", "pinned_traffic", "overridden", "held", "pinned")


@PROPERTY
@given(st.sampled_from([*itertools.product([False, True], repeat=len(FLAGS))]))
def test_nothing_is_deployed_over_what_anybody_asked_for(flags: tuple[bool, ...]) -> None:
    facts: dict[str, Any] = dict(zip(FLAGS, flags, strict=True))
    of = replace(follower(), **facts)

    is_free = not any(value for name, value in facts.items() if name != "failed")
    assert (reason(of) is Reason.NEW_IMAGE) == is_free
    assert reason(of, INDEX) in {Reason.UP_TO_DATE, Reason.FAILED_BEFORE}
