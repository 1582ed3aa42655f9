"""When tags are looked at: bounds that hold whatever a tag does, and a load that is spread."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transship.model.schedule import LONGEST, SHORTEST, interval, is_due, tick_number

PROPERTY = settings(derandomize=True, deadline=None)
START = datetime(2026, 11, 24, tzinfo=UTC)
TICK = timedelta(minutes=10)

names = st.integers(0, 10**6).map("docker.io/library/image-{}:latest".format)
ticks = st.integers(1, 60).map(lambda minutes: timedelta(minutes=minutes))


def looks(
    name: str, *, moved_at: datetime | None, tick: timedelta, hours: int, hot: bool = False
) -> list[datetime]:
    """The ticks on which the tag is looked at, *hours* long."""
    times = (START + number * tick for number in range(int(timedelta(hours=hours) / tick)))
    return [
        time
        for time in times
        if is_due(name, moved_at=moved_at, hot=hot, published_at=time, tick=tick)
    ]


@pytest.mark.parametrize(
    ("age", "wait"),
    [
        (timedelta(), SHORTEST),
        (timedelta(hours=2), timedelta(minutes=5)),
        (timedelta(hours=12), timedelta(minutes=30)),
        (timedelta(days=1), LONGEST),
        (timedelta(days=1000), LONGEST),
        (-timedelta(hours=1), SHORTEST),
    ],
)
def test_a_tag_is_asked_the_less_the_longer_it_rests(age: timedelta, wait: timedelta) -> None:
    assert interval(START - age, START) == wait


def test_a_tag_of_which_nothing_is_known_counts_as_moving() -> None:
    assert interval(None, START) == SHORTEST
    assert len(looks("docker.io/library/a:b", moved_at=None, tick=TICK, hours=1)) == 6


@PROPERTY
@given(name=names, tick=ticks, age=st.integers(0, 72))
def test_no_tag_waits_longer_than_an_hour(name: str, tick: timedelta, age: int) -> None:
    """Also while it goes over from one rhythm to the next."""
    seen = looks(name, moved_at=START - timedelta(hours=age), tick=tick, hours=40)

    waits = [later - earlier for earlier, later in pairwise(seen)]
    assert max([*waits, seen[0] - START]) <= max(LONGEST, tick)
    assert min(waits) >= tick


@PROPERTY
@given(name=names, tick=ticks, age=st.integers(0, 72))
def test_no_tag_waits_longer_than_its_rest_asks_for(name: str, tick: timedelta, age: int) -> None:
    moved_at = START - timedelta(hours=age)
    seen = looks(name, moved_at=moved_at, tick=tick, hours=40)

    for earlier, later in pairwise(seen):
        assert later - earlier <= max(interval(moved_at, later), tick)


@PROPERTY
@given(name=names, age=st.integers(0, 10_000))
def test_a_hot_tag_is_looked_at_on_every_tick(name: str, age: int) -> None:
    moved_at = START - timedelta(hours=age)

    assert len(looks(name, moved_at=moved_at, tick=TICK, hours=2, hot=True)) == 12


def test_a_tag_that_rests_is_looked_at_once_an_hour() -> None:
    seen = looks("docker.io/library/a:b", moved_at=START - timedelta(days=9), tick=TICK, hours=24)

    assert len(seen) == 24


def test_the_load_is_spread_over_the_ticks() -> None:
    """600 tags that rest and 6 ticks an hour: about 100 on each, never most on one."""
    load: Counter[datetime] = Counter()
    for number in range(600):
        moved_at = START - timedelta(days=9)
        load.update(looks(f"docker.io/a/b:{number}", moved_at=moved_at, tick=TICK, hours=1))

    assert sum(load.values()) == 600
    assert len(load) == 6
    assert max(load.values()) < 140


@PROPERTY
@given(
    late=st.integers(0, 599).map(lambda seconds: timedelta(seconds=seconds)),
    number=st.integers(0, 10**6),
)
def test_a_tick_that_is_published_late_is_still_that_tick(late: timedelta, number: int) -> None:
    on_time = START + number * TICK

    assert tick_number(on_time + late, TICK) == tick_number(on_time, TICK)
    assert tick_number(on_time + TICK, TICK) == tick_number(on_time, TICK) + 1
