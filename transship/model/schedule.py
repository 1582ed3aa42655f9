"""When a tag is looked at: often while it moves, seldom once it rests, and never all at once.

Nothing is remembered between ticks: whether a tag is due follows from its name, from the number of
the tick, and from how long ago it moved. That is at most an hour's wait, jittered by the name.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

SHORTEST, LONGEST = timedelta(minutes=5), timedelta(minutes=60)

# A tag that moved a day ago is looked at every hour, one that moved two hours ago every 5 minutes.
_SHARE_OF_AGE = 24
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def interval(moved_at: datetime | None, now: datetime) -> timedelta:
    """How long to wait between two looks; a tag of which nothing is known counts as moving."""
    age = now - moved_at if moved_at else timedelta()
    return min(max(age / _SHARE_OF_AGE, SHORTEST), LONGEST)


def tick_number(published_at: datetime, tick: timedelta) -> int:
    """Which tick this is: the same however late, and however often, it is delivered."""
    return int((published_at - _EPOCH) / tick)


def is_due(
    tag: str, *, moved_at: datetime | None, hot: bool, published_at: datetime, tick: timedelta
) -> bool:
    """*tag* in canonical form. *hot*: somebody has said within the hour that it may have moved.

    *published_at* is the tick's own time.
    """
    if hot:
        return True
    wait = interval(moved_at, published_at)
    ticks = next(each for each in _waits(tick) if each == 1 or each * tick <= wait)
    phase = int.from_bytes(hashlib.sha256(tag.encode()).digest()[:8], "big")
    return (tick_number(published_at, tick) + phase) % ticks == 0


def _waits(tick: timedelta) -> Iterator[int]:
    """The numbers of ticks that are waited, longest first; each is a multiple of the next.

    So a tag that rests ever longer goes over from one to the next without missing its turn: every
    tick that is due in the slower rhythm is due in the faster one. Else a change from five ticks
    to six could leave ten between two looks.
    """
    ticks = max(1, int(LONGEST / tick))
    while ticks > 1:
        yield ticks
        ticks //= next(factor for factor in range(2, ticks + 1) if ticks % factor == 0)
    yield 1
