"""Where a service stands, for people: what visitors get, what the tag means, what is in the way."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.nouns import CHILD, INDEX, NAME, NOON, OTHER, a_record, a_revision, a_service
from transship.errors import AccessDenied, ServiceUnavailable
from transship.looking import Look
from transship.model.digest import Digest
from transship.model.fetched import Head
from transship.model.follow import Follower, follower_in
from transship.model.naming import ServiceName
from transship.model.policy_document import parse_policy
from transship.model.quarantine import Bad
from transship.model.reason import Reason, Underway
from transship.model.reference import parse_reference
from transship.model.rules import Rules
from transship.model.service import Revision
from transship.model.trial import Phase, Trial
from transship.standing import Runs, Standing, runs, stand

TAG = parse_reference("dockersamples/static-site:v1")
POLICY = parse_policy("{}", project=NAME.project)
NEWER = Digest(f"sha256:{'e' * 64}")


def follower(**facts: Any) -> Follower:
    """Runs what its tag means, unless *facts* say otherwise."""
    return replace(follower_in(a_service(a_record())), **{"tracks": TAG, **facts})


def seen(digest: Digest | None = INDEX, *, silent: bool = False) -> Look:
    error = ServiceUnavailable("silent") if silent else None
    head = Head(digest=digest, media_type="") if digest and not silent else None
    return Look(tag=TAG, head=head, error=error)


def stands(of: Follower, look: Look | None) -> Standing:
    return stand(of, look, Runs(), rules=Rules(), policy=POLICY, now=NOON)


def trial(phase: Phase) -> Trial:
    return Trial(revision="web-2", previous="web-1", event_id="2", phase=phase, since=NOON)


def unread(_name: ServiceName, _revision: str) -> Revision | None:
    raise AssertionError("nothing has to be read")


def test_what_runs_what_its_tag_means_follows_it() -> None:
    found = stands(follower(), seen())

    assert found.reasons == (Reason.UP_TO_DATE,)
    assert found.follows


def test_a_moved_tag_is_due() -> None:
    found = stands(follower(), seen(NEWER))

    assert found.reasons == (Underway.DUE,)
    assert not found.follows


@pytest.mark.parametrize("phase", ["ready", "gate"])
def test_what_is_on_trial_is_not_up_to_date(phase: Phase) -> None:
    found = stands(follower(trial=trial(phase)), seen())

    assert found.reasons == (Underway.ON_TRIAL,)
    assert not found.follows


def test_a_trial_that_waits_is_held_first() -> None:
    waits = replace(trial("gate"), held=True)

    assert stands(follower(trial=waits, held=True), seen()).reasons == (
        Reason.HELD,
        Underway.ON_TRIAL,
    )


def test_what_is_watched_follows_and_says_so() -> None:
    found = stands(follower(trial=trial("watch")), seen())

    assert found.reasons == (Underway.WATCHED,)
    assert found.follows


def test_what_is_watched_while_its_tag_moves_on_does_not_follow_it() -> None:
    found = stands(follower(trial=trial("watch"), held=True), seen(NEWER))

    assert found.reasons == (Reason.HELD, Underway.WATCHED)
    assert not found.follows


def test_a_hold_is_said_beside_up_to_date() -> None:
    assert stands(follower(held=True), seen()).reasons == (Reason.UP_TO_DATE, Reason.HELD)


def test_a_silent_upstream_hides_nothing_that_is_known_without_it() -> None:
    bad = Bad(child=CHILD.value, index=INDEX.value, reason="rejected", at=NOON)

    found = stands(follower(held=True, bad=(bad,), visited="web-0"), seen(silent=True))

    assert found.reasons == (Reason.UPSTREAM_UNAVAILABLE, Reason.QUARANTINED, Reason.HELD)
    failed = stands(follower(failed=True), seen(silent=True))
    assert failed.reasons == (Reason.UPSTREAM_UNAVAILABLE, Reason.FAILED_BEFORE)


def test_nobody_says_up_to_date_while_the_upstream_is_silent() -> None:
    assert stands(follower(), seen(silent=True)).reasons == (Reason.UPSTREAM_UNAVAILABLE,)


def test_a_tag_that_is_gone_comes_first() -> None:
    found = stands(follower(held=True), seen(None))

    assert found.reasons == (Reason.TAG_DELETED, Reason.HELD)


def test_what_tracks_nothing_says_so_once() -> None:
    assert stands(follower(tracks=None), None).reasons == (Reason.TRACKING_LOST,)


def test_what_visitors_were_sent_to_all_the_same_is_not_kept_from_them() -> None:
    bad = Bad(child=CHILD.value, index=INDEX.value, reason="rejected", at=NOON)

    found = stands(follower(bad=(bad,), newest="web-2", visited="web-2"), seen())

    assert found.reasons == (Reason.UP_TO_DATE,)


def test_a_quarantine_says_since_when_and_what_was_seen() -> None:
    bad = Bad(
        child=CHILD.value, index=INDEX.value, reason="rejected", at=NOON, evidence="GET / was 500"
    )

    note = stands(follower(bad=(bad,)), seen()).note(Reason.QUARANTINED)

    assert note is not None
    assert (note.at, note.why) == (NOON, "rejected: GET / was 500")


def test_every_word_says_how_to_clear_it() -> None:
    standing = stands(follower(), seen())

    assert all(standing.clear(word) for word in (*Reason, *Underway))


def test_an_upstream_that_refuses_is_not_waited_for() -> None:
    refused = Look(tag=TAG, error=AccessDenied("web does not exist on Docker Hub, or is private"))

    found = stands(follower(), refused)

    assert found.reasons == (Reason.UPSTREAM_UNAVAILABLE,)
    assert "wait" not in found.clear(Reason.UPSTREAM_UNAVAILABLE)
    assert found.said(Reason.UPSTREAM_UNAVAILABLE) == str(refused.error)


def test_a_trial_is_said_also_where_the_tag_is_gone() -> None:
    found = stands(follower(trial=trial("gate")), seen(None))

    assert found.reasons == (Underway.ON_TRIAL, Reason.TAG_DELETED)


# What visitors get


def test_visitors_of_the_newest_revision_get_what_it_was_given() -> None:
    (found,) = runs([follower(newest="web-2", visited="web-2")], unread)

    assert (found.index, found.child, found.digest) == (INDEX, CHILD, INDEX)


def test_visitors_of_an_older_revision_get_what_that_one_runs() -> None:
    older = a_revision(a_record(child=OTHER, index=NEWER), name="web-1")

    (found,) = runs([follower(newest="web-2", visited="web-1")], lambda _name, _revision: older)

    assert (found.index, found.child) == (NEWER, OTHER)


def test_where_nothing_ever_became_ready_nothing_runs() -> None:
    (found,) = runs([follower(newest="web-1", visited="", failed=True)], unread)

    assert found.digest is None


def test_a_revision_that_cannot_be_read_is_unknown_and_hides_no_other() -> None:
    def silent(_name: ServiceName, _revision: str) -> Revision | None:
        raise ServiceUnavailable("503")

    first, second = runs([follower(newest="web-2", visited="web-1"), follower()], silent)

    assert (first.digest, second.digest) == (None, INDEX)
