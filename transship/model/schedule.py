"""When a tag is looked at: often while it moves, seldom once it rests, and never all at once.

Nothing is remembered between ticks: whether a tag is due follows from its name, from the number of
the tick, and from how long ago it moved. That is at most an hour's wait, jittered by the name.
"""

import hashlib
import math
from datetime import UTC, datetime, timedelta

SHORTEST, LONGEST = timedelta(minutes=5), timedelta(minutes=60)

# A tag that moved a day ago is looked at every hour, one that moved two hours ago every 5 minutes.
_SHARE_OF_AGE = 24
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def interval(moved_at: datetime | None, now: datetime) -> timedelta:
    """How long to wait between two looks; a tag of which nothing is known counts as moving."""
    age = now - moved_at if moved_at else timedelta()
    return min(max(age / _SHARE_OF_AGE, SHORTEST), LONGEST)


def tick_number(now: datetime, tick: timedelta) -> int:
    """Which tick this is: the same for a tick that is delivered twice or some seconds late."""
    return int((now - _EPOCH) / tick)


def is_due(
    tag: str, *, moved_at: datetime | None, hot: bool, now: datetime, tick: timedelta
) -> bool:
    """*tag* in canonical form. *hot*: somebody has said within the hour that it may have moved."""
    if hot:
        return True
    ticks = max(1, math.floor(interval(moved_at, now) / tick))
    phase = int.from_bytes(hashlib.sha256(tag.encode()).digest()[:8], "big")
    return (tick_number(now, tick) + phase) % ticks == 0
