"""What messages of people do to a service's annotations, in whatever order they come."""

import json
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.nouns import IMAGE, NOON, OTHER, a_service, digest, mirrored
from transship.errors import InvalidEvent
from transship.model.follow import HOLD_KEY, PIN_KEY, SKIP_KEY, WHY_KEY
from transship.model.marks import TRACKED_LABEL, Marks
from transship.model.reason import Reason
from transship.model.reference import parse_reference
from transship.model.service import Container, Service
from transship.model.steered import TRACKED_KEY, is_overtaken, steer
from transship.model.steering import (
    ExplainRequest,
    HoldRequest,
    PinRequest,
    ReleaseRequest,
    SkipRequest,
    Steering,
    TrackRequest,
    UntrackRequest,
)

LATER = NOON + timedelta(minutes=1)
HOLD = HoldRequest(service="web", by="ann", why="a demo")
PIN = PinRequest(service="web", by="ann")
SKIP = SkipRequest(service="web", by="ann", digest=digest("f").value)
RELEASE = ReleaseRequest(service="web", by="bob")


def after(service: Service, *said: tuple[Steering, datetime]) -> Service:
    for request, at in said:
        service = written(service, steer(request, service, tracks=None, at=at))
    return service


def written(service: Service, marks: Marks) -> Service:
    def merged(before: Any, changes: Any) -> dict[str, str]:
        both = {**before, **changes}
        return {key: value for key, value in both.items() if value is not None}

    return replace(
        service,
        annotations=merged(service.annotations, marks.annotations),
        labels=merged(service.labels, marks.labels),
    )


@pytest.mark.parametrize(("request_", "key"), [(HOLD, HOLD_KEY), (PIN, PIN_KEY)])
def test_who_asked_first_stays_on_record(request_: Steering, key: str) -> None:
    service = after(a_service(), (request_, NOON), (request_, LATER))

    note = json.loads(service.annotations[key])
    assert (note["by"], note["at"]) == ("ann", "2026-11-24T12:00:00Z")


@pytest.mark.parametrize("request_", [HOLD, PIN, SKIP, RELEASE])
def test_the_same_message_again_changes_nothing(request_: Steering) -> None:
    service = after(a_service(), (request_, NOON))

    assert steer(request_, service, tracks=None, at=NOON) == Marks()


@pytest.mark.parametrize("request_", [HOLD, PIN, SKIP])
def test_a_release_ends_what_came_before_it_and_nothing_else(request_: Steering) -> None:
    first = [(request_, NOON), (RELEASE, LATER)]
    last = [(RELEASE, NOON), (request_, LATER)]

    for said in (first, last):
        ends = {
            frozenset(after(a_service(), *order).annotations.keys() & {HOLD_KEY, PIN_KEY, SKIP_KEY})
            for order in permutations(said)
        }
        assert len(ends) == 1, "whatever the order in which they come"
        assert bool(ends.pop()) == (said is last)


def test_what_a_release_has_overtaken_is_told_apart() -> None:
    released = after(a_service(), (RELEASE, LATER))

    assert is_overtaken(HOLD, released, NOON)
    assert not is_overtaken(HOLD, released, LATER + timedelta(minutes=1))
    assert not is_overtaken(ExplainRequest(service="web", reason="held"), released, NOON)


def test_digests_are_skipped_up_to_a_limit() -> None:
    skips = [SkipRequest(service="web", digest=f"sha256:{number:064x}") for number in range(25)]
    service = after(a_service(), *((skip, NOON) for skip in skips))

    kept = list(json.loads(service.annotations[SKIP_KEY]))
    assert kept == [skip.digest for skip in skips[-20:]]


def test_a_digest_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidEvent, match=r"\$\.digest"):
        steer(SkipRequest(service="web", digest="latest"), a_service(), tracks=None, at=NOON)


def test_a_release_follows_again_where_another_image_was_set_by_hand() -> None:
    by_hand = a_service(containers=(Container(name="", image=mirrored().pin(OTHER).untagged()),))

    assert steer(RELEASE, by_hand, tracks=None, at=NOON).annotations["transship.dev/index"] is None
    assert (
        "transship.dev/index" not in steer(RELEASE, a_service(), tracks=None, at=NOON).annotations
    )


def test_tracking_is_written_once_with_who_and_when() -> None:
    other = parse_reference("library/nginx:1.27")
    track = TrackRequest(service="web", by="ann", image=str(other))
    marks = steer(track, a_service(), tracks=other, at=NOON)

    assert marks.annotations["transship.dev/tracks"] == str(other)
    assert json.loads(str(marks.annotations[TRACKED_KEY]))["by"] == "ann"
    assert sorted(value is None for value in marks.labels.values()) == [False, True]
    assert steer(track, written(a_service(), marks), tracks=other, at=LATER) == Marks()


def test_untracking_leaves_nothing_behind() -> None:
    held = after(a_service(labels={**a_service().labels, "team": "web"}), (HOLD, NOON))
    service = after(held, (UntrackRequest(service="web"), LATER))

    assert service.annotations == {}
    assert service.labels == {"team": "web"}
    assert TRACKED_LABEL in held.labels


def test_a_reason_is_written_and_cleared_and_never_on_a_service_that_is_not_tracked() -> None:
    held = ExplainRequest(service="web", reason=Reason.HELD.value)
    service = after(a_service(), (held, NOON))
    assert service.annotations[WHY_KEY] == "held"

    cleared = after(service, (ExplainRequest(service="web", reason=""), NOON))
    assert WHY_KEY not in cleared.annotations

    untracked = after(a_service(), (UntrackRequest(service="web"), NOON))
    assert steer(held, untracked, tracks=None, at=LATER) == Marks()
    assert a_service().tracks == IMAGE
