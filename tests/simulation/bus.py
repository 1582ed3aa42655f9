"""Pub/Sub as infra/ sets it up, on a clock that only events move: no waiting, no threads.

At least once, with backoff between 10 and 600 seconds, and dead letters after 100 attempts.
https://cloud.google.com/pubsub/docs/handling-failures
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from local.clock import Clock

ATTEMPTS = 100
_SHORTEST, _LONGEST = timedelta(seconds=10), timedelta(seconds=600)


class StillClock(Clock):
    """Stands still but for what is asked of it, so that a run is the same each time."""

    def __init__(self, start: datetime) -> None:
        super().__init__()
        self._start = start

    def now(self) -> datetime:
        return self._start + self._offset

    def advance_to(self, time: datetime) -> None:
        self.advance((time - self.now()).total_seconds())


@dataclass(slots=True, kw_only=True)
class Message:
    id: str
    topic: str
    data: bytes
    attributes: dict[str, str]
    published_at: datetime
    attempt: int = 0


# Whether the message is acknowledged.
Deliver = Callable[[Message], bool]


@dataclass(slots=True, kw_only=True)
class Bus:
    """*deliver* is called with each message in its turn; *again*: every message comes twice."""

    clock: StillClock
    deliver: Deliver
    again: bool = False
    dead: list[Message] = field(default_factory=list)
    most_attempts: int = 0
    _waiting: list[tuple[datetime, int, Message]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    def publish(self, topic: str, data: bytes, attributes: dict[str, str]) -> None:
        number = next(self._numbers)
        for copy in range(1 + self.again):
            message = Message(
                id=str(number),
                topic=topic,
                data=data,
                attributes=attributes,
                published_at=self.clock.now(),
            )
            self._push(message, timedelta(seconds=30 * copy))

    def run_until(self, end: datetime) -> None:
        """Everything that is due by then, in its order; the clock says *end* then."""
        while self._waiting and self._waiting[0][0] <= end:
            due, _, message = heapq.heappop(self._waiting)
            self.clock.advance_to(max(due, self.clock.now()))
            message.attempt += 1
            self.most_attempts = max(self.most_attempts, message.attempt)
            if self.deliver(message):
                continue
            if message.attempt == ATTEMPTS:
                self.dead.append(message)
            else:
                self._push(message, min(_LONGEST, _SHORTEST * 2 ** min(message.attempt - 1, 10)))
        self.clock.advance_to(end)

    def _push(self, message: Message, wait: timedelta) -> None:
        entry = (self.clock.now() + wait, next(self._numbers), message)
        heapq.heappush(self._waiting, entry)
