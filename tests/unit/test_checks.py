"""Looks at a tag: one a minute, shared, and never one too few."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from transship.checks import INTERVAL, Checks
from transship.deadline import Deadline
from transship.errors import ImageNotFound, RateLimited, RegistryUnavailable, TooSoon
from transship.model.digest import Digest
from transship.model.reference import Reference, parse_reference

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TAG = parse_reference("dockersamples/static-site:latest")
A, B = (Digest(f"sha256:{letter * 64}") for letter in "ab")


@dataclass(slots=True)
class Upstream:
    """What the tag means, and how often somebody asked."""

    digest: Digest = A
    error: Exception | None = None
    asked: int = 0
    looking: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event = field(default_factory=threading.Event)

    def look(self) -> Reference:
        self.asked += 1
        if self.error:
            raise self.error
        return TAG.pin(self.digest)

    def look_slowly(self) -> Reference:
        self.looking.set()
        assert self.gate.wait(10)
        return self.look()


def ask(
    checks: Checks,
    look: Callable[[], Reference],
    *,
    at: float,
    now: float | None = None,
    event: str = "event",
    image: Reference = TAG,
) -> Reference | None:
    """*at* and *now* in seconds after noon; a hint is heard at once unless *now* is given."""
    return checks.meaning(
        image,
        look,
        event_id=event,
        at=NOON + timedelta(seconds=at),
        now=NOON + timedelta(seconds=at if now is None else now),
        deadline=Deadline.after(10),
    )


def test_the_first_hint_has_the_tag_looked_at() -> None:
    upstream = Upstream()

    assert ask(Checks(), upstream.look, at=0) == TAG.pin(A)
    assert upstream.asked == 1


def test_a_hint_from_before_the_look_is_settled_by_it() -> None:
    checks, upstream = Checks(), Upstream()
    ask(checks, upstream.look, at=0, now=5)

    answers = [ask(checks, upstream.look, at=at, now=59) for at in (0, 4.9, 5, -3600)]

    assert answers == [TAG.pin(A)] * 4
    assert upstream.asked == 1


def test_a_newer_hint_waits_and_sees_what_came_after_the_look() -> None:
    checks, upstream = Checks(), Upstream()
    ask(checks, upstream.look, at=0)
    upstream.digest = B

    for now in (10, 30, 59):
        with pytest.raises(TooSoon):
            ask(checks, upstream.look, at=10, now=now, event="waits")
    answer = ask(checks, upstream.look, at=10, now=60, event="waits")

    assert answer == TAG.pin(B)
    assert upstream.asked == 2


def test_further_hints_are_covered_by_the_one_that_waits() -> None:
    checks, upstream = Checks(), Upstream()
    ask(checks, upstream.look, at=0)
    with pytest.raises(TooSoon):
        ask(checks, upstream.look, at=10, event="waits")

    assert [ask(checks, upstream.look, at=at, event=f"at {at}") for at in (11, 30, 59)] == [
        None
    ] * 3


def test_whoever_waited_is_settled_by_a_look_that_another_hint_caused() -> None:
    checks, upstream = Checks(), Upstream()
    ask(checks, upstream.look, at=0)
    with pytest.raises(TooSoon):
        ask(checks, upstream.look, at=10, event="waits")
    ask(checks, upstream.look, at=61, event="another")

    assert ask(checks, upstream.look, at=10, now=62, event="waits") == TAG.pin(A)
    assert upstream.asked == 2


@pytest.mark.parametrize("step", [0.5, 1.0, 7.0, 59.0, 60.0, 61.0])
def test_no_move_is_missed_by_an_instance_that_hears_of_every_one(step: float) -> None:
    """A tag moves ten times, each with a hint; whatever is not settled is delivered again."""
    checks, upstream, seen = Checks(), Upstream(), []
    digests = [Digest(f"sha256:{number:064x}") for number in range(10)]
    waiting: dict[str, float] = {}
    for number, digest in enumerate(digests):
        now = number * step
        upstream.digest = digest
        for event, at in (*waiting.items(), (f"move {number}", now)):
            try:
                seen.append(ask(checks, upstream.look, at=at, now=now, event=event))
                waiting.pop(event, None)
            except TooSoon:
                waiting[event] = at
    for event, at in waiting.items():
        seen.append(ask(checks, upstream.look, at=at, now=9 * step + 60, event=event))

    assert [image for image in seen if image][-1] == TAG.pin(digests[-1])
    assert upstream.asked <= 2 + 9 * step / INTERVAL.total_seconds()


def test_tags_are_looked_at_apart() -> None:
    checks, upstream = Checks(), Upstream()
    other = parse_reference("dockersamples/static-site:other")

    ask(checks, upstream.look, at=0)
    ask(checks, upstream.look, at=1, image=other)

    assert upstream.asked == 2


def test_hints_at_once_share_one_look() -> None:
    checks, upstream = Checks(), Upstream()
    with ThreadPoolExecutor(8) as pool:
        asking = [
            pool.submit(ask, checks, upstream.look_slowly, at=0, event=str(number))
            for number in range(8)
        ]
        upstream.gate.set()
        answers = [asked.result(10) for asked in asking]

    assert answers == [TAG.pin(A)] * 8
    assert upstream.asked == 1


def test_a_look_that_takes_too_long_for_somebody_else_is_not_waited_for() -> None:
    checks, upstream = Checks(), Upstream()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask, checks, upstream.look_slowly, at=0)
        assert upstream.looking.wait(10)
        with pytest.raises(RegistryUnavailable):
            checks.meaning(
                TAG, upstream.look, event_id="2", at=NOON, now=NOON, deadline=Deadline.after(0.01)
            )
        upstream.gate.set()
        assert asking.result(10) == TAG.pin(A)


@pytest.mark.parametrize("error", [RegistryUnavailable("down"), ImageNotFound("gone")])
def test_a_failed_look_is_not_repeated_within_the_minute(error: Exception) -> None:
    checks, upstream = Checks(), Upstream(error=error)
    for now in (0, 1, 59):
        with pytest.raises(type(error)):
            ask(checks, upstream.look, at=0, now=now)
    assert upstream.asked == 1

    upstream.error = None
    assert ask(checks, upstream.look, at=0, now=60) == TAG.pin(A)


def test_a_registry_that_named_a_time_is_not_asked_before_about_any_tag() -> None:
    checks, upstream = Checks(), Upstream()
    until = NOON + timedelta(hours=6)
    upstream.error = RateLimited("enough", source="docker.io", retry_at=until)
    other = parse_reference("dockersamples/static-site:other")
    with pytest.raises(RateLimited):
        ask(checks, upstream.look, at=0)
    upstream.error = None

    for now, image in ((1, other), (3600, TAG), (6 * 3600 - 1, other)):
        with pytest.raises(RateLimited) as limited:
            ask(checks, upstream.look, at=0, now=now, image=image)
        assert limited.value.retry_at == until
    assert ask(checks, upstream.look, at=0, now=6 * 3600) == TAG.pin(A)
    assert upstream.asked == 2


def test_what_is_remembered_is_bounded() -> None:
    checks, upstream = Checks(limit=10), Upstream()

    for number in range(100):
        ask(checks, upstream.look, at=0, image=parse_reference(f"nginx:{number}"))

    assert len(checks._looks) == 10
