"""What one subscription still owes its subscriber: waiting, leased and failed messages.

A message is delivered under a lease. An acknowledgement within the lease ends it; a negative one,
or the end of the lease, is a failed attempt: the message waits for its backoff and is delivered
again, or becomes a dead letter. Messages that share an ordering key are delivered one at a time, in
the order of publishing.
https://cloud.google.com/pubsub/docs/subscription-overview#lifecycle

Knows neither clocks nor threads: the time is an argument, and the broker holds its lock.
"""

import heapq
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from google.pubsub_v1 import types

from local.pubsub.refusal import exhausted

# The product holds any amount; one machine does not.
BACKLOG_MESSAGES = 100_000
BACKLOG_BYTES = 256 * 1024 * 1024
# A gRPC channel takes 4 MiB unless it was told otherwise; a single larger message goes alone.
_RESPONSE = 3_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Redelivery:
    """When a failed message comes back; durations in seconds, zero for at once."""

    minimum: float = 0.0
    maximum: float = 0.0
    attempts: int | None = None
    """After how many failed attempts a message is a dead letter; None for never."""

    def delay(self, failures: int) -> float:
        # The exponent is bounded only because 2.0**1024 does not fit a float.
        return min(self.maximum, self.minimum * 2.0 ** min(failures - 1, 64))


@dataclass(frozen=True, kw_only=True, slots=True)
class Disturbance:
    """What at-least-once allows and a test may want."""

    duplicates: int = 0
    """How often a message comes again although it was acknowledged."""
    late: float = 0.0
    """By how many seconds every other message is overtaken by the next; ordering keys are kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    ack_id: str
    message: types.PubsubMessage
    attempt: int
    ends: float


@dataclass(kw_only=True, slots=True)
class Owed:
    """A message that was not acknowledged yet."""

    message: types.PubsubMessage
    number: int
    published: float
    size: int
    duplicates: int
    failures: int = 0
    ready: float = 0.0
    lease: Lease | None = None
    holder: object = None


@dataclass(kw_only=True, slots=True)
class Backlog:
    name: str
    ordered: bool
    retention: float
    redelivery: Redelivery = field(default_factory=Redelivery)
    disturbance: Disturbance = field(default_factory=Disturbance)
    bytes: int = 0
    _owed: dict[int, Owed] = field(default_factory=dict)
    _waiting: list[tuple[float, int]] = field(default_factory=list)
    _leased: dict[str, Owed] = field(default_factory=dict)
    _ends: list[tuple[float, str]] = field(default_factory=list)
    _keys: dict[str, deque[int]] = field(default_factory=dict)
    _numbers: int = 0
    _leases: int = 0

    def __len__(self) -> int:
        return len(self._owed)

    def add(self, message: types.PubsubMessage, size: int, now: float) -> None:
        self._numbers += 1
        owed = Owed(
            message=message,
            number=self._numbers,
            published=now,
            size=size,
            ready=now,
            duplicates=self.disturbance.duplicates,
        )
        self._owed[owed.number] = owed
        self.bytes += size
        if self.ordered and message.ordering_key:
            line = self._keys.setdefault(message.ordering_key, deque())
            line.append(owed.number)
            if len(line) > 1:
                return  # waits for those before it
        overtaken = self._numbers % 2 == 1 and not message.ordering_key
        self._wait(owed, now + (self.disturbance.late if overtaken else 0.0))

    def lease(self, limit: int, seconds: float, now: float, holder: object = None) -> list[Lease]:
        """At most *limit* messages that are due and fit a response, each for *seconds*."""
        leases: list[Lease] = []
        room = _RESPONSE
        while self._waiting and len(leases) < limit and self._waiting[0][0] <= now and room > 0:
            ready, number = heapq.heappop(self._waiting)
            owed = self._owed.get(number)
            if owed is None or owed.lease is not None or owed.ready != ready:
                continue  # acknowledged, expired or rescheduled since
            self._leases += 1
            room -= owed.size
            owed.holder = holder
            leases.append(self._lease(owed, f"{self.name}:{self._leases}", now + seconds))
        return leases

    def acknowledge(self, ack_id: str, now: float) -> bool:
        """False when the lease is over: the message is, or will be, delivered again."""
        owed = self._leased.get(ack_id)
        if owed is None:
            return False
        self._end_lease(owed)
        if owed.duplicates > 0:
            owed.duplicates -= 1
            self._wait(owed, now)
        else:
            self.remove(owed, now)
        return True

    def extend(self, ack_id: str, seconds: float, now: float) -> None:
        owed = self._leased.get(ack_id)
        if owed is not None:
            self._lease(owed, ack_id, now + seconds)

    def fail(self, ack_id: str, now: float) -> Owed | None:
        """End a lease without an acknowledgement; the message, if this attempt was its last."""
        owed = self._leased.get(ack_id)
        if owed is None:
            return None
        self._end_lease(owed)
        owed.failures += 1
        self._wait(owed, now + self.redelivery.delay(owed.failures))
        exhausted = (
            self.redelivery.attempts is not None and owed.failures >= self.redelivery.attempts
        )
        return owed if exhausted else None

    def expire(self, now: float) -> list[Owed]:
        """Fail the leases that are over and forget what is too old; the dead letters among them."""
        dead = []
        while self._ends and self._ends[0][0] <= now:
            ends, ack_id = heapq.heappop(self._ends)
            owed = self._leased.get(ack_id)
            if owed is None or owed.lease is None or owed.lease.ends != ends:
                continue  # acknowledged or extended since
            last = self.fail(ack_id, now)
            if last is not None:
                dead.append(last)
        for owed in list(self._older_than(now - self.retention)):
            self.remove(owed, now)
        return [owed for owed in dead if owed.number in self._owed]

    def remove(self, owed: Owed, now: float) -> None:
        if self._owed.pop(owed.number, None) is None:
            return
        self.bytes -= owed.size
        self._end_lease(owed)
        line = self._keys.get(owed.message.ordering_key)
        if line is None or owed.number not in line:
            return
        was_first = line[0] == owed.number
        line.remove(owed.number)
        if not line:
            del self._keys[owed.message.ordering_key]
        elif was_first:
            self._wait(self._owed[line[0]], now)

    def room_of(self, holder: object, messages: int, size: int) -> int:
        """How many more messages a *holder* may have, of so many and of so many bytes; 0 is any."""
        held = [owed for owed in self._leased.values() if holder and owed.holder is holder]
        if size and sum(owed.size for owed in held) >= size:
            return 0
        return messages - len(held) if messages else BACKLOG_MESSAGES

    def check_room(self, messages: int, size: int) -> None:
        if len(self) + messages > BACKLOG_MESSAGES or self.bytes + size > BACKLOG_BYTES:
            raise exhausted(
                f"The local Pub/Sub holds {BACKLOG_MESSAGES} messages and {BACKLOG_BYTES} bytes of "
                f"a subscription; {self.name} is full."
            )

    def next_due(self) -> float | None:
        return self._waiting[0][0] if self._waiting else None

    def next_end(self) -> float | None:
        return self._ends[0][0] if self._ends else None

    def messages(self) -> Collection[types.PubsubMessage]:
        return [owed.message for owed in self._owed.values()]

    def _older_than(self, oldest: float) -> Iterable[Owed]:
        for owed in self._owed.values():  # in the order of publishing
            if owed.published > oldest:
                return
            yield owed

    def _wait(self, owed: Owed, ready: float) -> None:
        owed.ready = ready
        heapq.heappush(self._waiting, (ready, owed.number))

    def _lease(self, owed: Owed, ack_id: str, ends: float) -> Lease:
        owed.lease = Lease(
            ack_id=ack_id, message=owed.message, attempt=owed.failures + 1, ends=ends
        )
        self._leased[ack_id] = owed
        heapq.heappush(self._ends, (ends, ack_id))
        return owed.lease

    def _end_lease(self, owed: Owed) -> None:
        if owed.lease is not None:
            del self._leased[owed.lease.ack_id]
            owed.lease = None
            owed.holder = None
