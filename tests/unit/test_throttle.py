"""Manners towards a registry, on clocks that tests move."""

from datetime import timedelta

import pytest

from tests.unit.nouns import IMAGE, INDEX, NOON, mirrored
from transship.deadline import Deadline
from transship.errors import RateLimited
from transship.model.fetched import Head
from transship.model.reference import Reference
from transship.throttle import Patient, Pauses, Throttle

HEAD = Head(digest=INDEX, media_type="application/vnd.oci.image.index.v1+json")


class Ticker:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_a_host_gets_so_many_requests_a_second() -> None:
    ticker = Ticker()
    throttle = Throttle(5, clock=lambda: ticker.now, sleep=ticker.sleep)
    for _ in range(101):
        throttle.wait("docker.io")

    assert ticker.slept[0] != ticker.slept[1], "jittered"
    assert 0.8 * 20 <= ticker.now <= 1.2 * 20


def test_each_host_has_a_rate_of_its_own() -> None:
    ticker = Ticker()
    throttle = Throttle(1, clock=lambda: ticker.now, sleep=ticker.sleep)
    throttle.wait("docker.io")
    throttle.wait("ghcr.io")

    assert ticker.slept == []


def test_no_rate_is_no_throttle() -> None:
    ticker = Ticker()
    throttle = Throttle(0, clock=lambda: ticker.now, sleep=ticker.sleep)
    for _ in range(1000):
        throttle.wait("docker.io")

    assert ticker.slept == []


class Limited:
    """A registry that says 429 as long as it is told to, and counts who asks."""

    def __init__(self, retry_at: timedelta | None) -> None:
        self.retry_at = retry_at
        self.is_limited = True
        self.asked: list[str] = []

    def head(self, reference: Reference, *, deadline: Deadline) -> Head:
        self.asked.append(reference.registry)
        if self.is_limited:
            at = NOON + self.retry_at if self.retry_at else None
            raise RateLimited("429", source="whoever answered", retry_at=at)
        return HEAD


@pytest.mark.parametrize(
    ("named", "pause"),
    [(timedelta(hours=6), timedelta(hours=6)), (None, timedelta(minutes=5))],
    ids=["named", "not named"],
)
def test_a_limit_is_kept_to_until_the_time_it_named(
    named: timedelta | None, pause: timedelta
) -> None:
    limited, times = Limited(named), [NOON]
    registry = Patient(limited, Pauses(), lambda: times[-1])
    for at in (NOON, NOON + pause - timedelta(seconds=1)):
        times.append(at)
        with pytest.raises(RateLimited) as told:
            registry.head(IMAGE, deadline=Deadline.after(1))
        assert (told.value.source, told.value.retry_at) == ("docker.io", NOON + pause)
    assert limited.asked == ["docker.io"], "the second is not even asked"

    limited.is_limited = False
    times.append(NOON + pause)
    assert registry.head(IMAGE, deadline=Deadline.after(1)) == HEAD


def test_another_source_is_asked_meanwhile() -> None:
    limited = Limited(timedelta(hours=6))
    registry = Patient(limited, Pauses(), lambda: NOON)
    with pytest.raises(RateLimited):
        registry.head(IMAGE, deadline=Deadline.after(1))

    limited.is_limited = False
    assert registry.head(mirrored(), deadline=Deadline.after(1)) == HEAD


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    pauses = Pauses()
    hour = RateLimited("429", source="docker.io", retry_at=NOON + timedelta(hours=1))
    soon = RateLimited("429", source="docker.io", retry_at=NOON + timedelta(minutes=1))
    pauses.note(hour, NOON)

    assert pauses.note(soon, NOON) == NOON + timedelta(hours=1)
    with pytest.raises(RateLimited):
        pauses.check("docker.io", NOON + timedelta(minutes=59))
    pauses.check("docker.io", NOON + timedelta(hours=1))
