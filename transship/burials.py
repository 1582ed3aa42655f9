"""The records of dead letters in the log, and their copies on the retained subscription.

A record is for reading; the copy is the right to act. Whoever has leased it replays or discards,
and only that acknowledges it: so two people who replay at once replay once.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from transship.deadline import Deadline
from transship.model.dead_letter import DeadLetter

# As long as Cloud Logging's default bucket keeps entries; the copies are kept a day longer.
DAYS = 30
# The words of handlers/bury.py.
_BURIED, _SETTLED = "dead letter", "dead letter settled"
# Of handlers/boundary.py.
_DEFERRED = "event deferred"
# A filter has at most 20,000 characters, and a project may be read sixty times a minute
# (https://cloud.google.com/logging/quotas#api-limits): of many letters that were tried a hundred
# times each, the older ones may stay unexplained.
_EXPLAINED, _ENTRIES = 100, 1_000
# More copies than these are not looked through at once.
_COPIES = 5_000
_SECONDS = 20.0


class Entry(Protocol):
    @property
    def time(self) -> datetime: ...
    @property
    def fields(self) -> Mapping[str, Any]: ...


class Log(Protocol):
    """What the functions wrote, newest first."""

    def matching(self, project: str, words: str, *, deadline: Deadline) -> Iterator[Entry]: ...


class Copy(Protocol):
    @property
    def message_id(self) -> str: ...
    @property
    def data(self) -> bytes: ...


C = TypeVar("C", bound=Copy)


class Subscriptions(Protocol[C]):
    def pull(self, subscription: str, *, seconds: float) -> list[C]: ...
    def give_back(self, subscription: str, received: Sequence[C]) -> None: ...


class Burial(Struct, frozen=True, kw_only=True):
    """*verdict* is empty while nobody has replayed or discarded *letter*; *reason* is why it failed
    last, empty where no function has said so.
    """

    letter: DeadLetter
    buried_at: datetime
    verdict: str = ""
    by: str = ""
    reason: str = ""


def burials(log: Log, project: str, *, limit: int, deadline: Deadline) -> list[Burial]:
    """The newest, in the order in which they were buried. Each once, however often logged."""
    after = datetime.now(UTC) - timedelta(days=DAYS)
    words = (
        f'jsonPayload.message=("{_BURIED}" OR "{_SETTLED}") AND timestamp>="{after.isoformat()}"'
    )
    found: dict[str, Burial] = {}
    verdicts: dict[str, tuple[str, str]] = {}
    # Newest first: of several verdicts the first counts, and so the last one met.
    for entry in log.matching(project, words, deadline=deadline):
        fields = entry.fields
        if fields.get("message") == _SETTLED:
            said = str(fields.get("verdict", "")), str(fields.get("by", ""))
            verdicts[str(fields.get("dead_letter"))] = said
        elif letter := DeadLetter.read(fields):
            found[letter.id] = Burial(letter=letter, buried_at=entry.time)
            if len(found) >= limit:
                break
    return [
        replace(each, verdict=verdict, by=by)
        for each in reversed(found.values())
        for verdict, by in [verdicts.get(each.letter.id, ("", ""))]
    ]


def explained(
    found: Sequence[Burial], log: Log, project: str, *, deadline: Deadline
) -> list[Burial]:
    """With the reasons of the newest, which stand in the log by when the messages were published:
    Pub/Sub gives a dead letter an id of its own.
    """
    times = [each.letter.published_at.isoformat() for each in found][-_EXPLAINED:]
    if not times:
        return [*found]
    wanted = " OR ".join(f'"{time}"' for time in dict.fromkeys(times))
    since = min(each.letter.published_at for each in found[-_EXPLAINED:]).isoformat()
    words = (
        f'jsonPayload.message="{_DEFERRED}" AND jsonPayload.published_at=({wanted})'
        f' AND timestamp>="{since}"'
    )
    reasons: dict[str, str] = {}
    # Newest first: the first is of the last delivery.
    for entry in islice(log.matching(project, words, deadline=deadline), _ENTRIES):
        fields = entry.fields
        reasons.setdefault(str(fields.get("published_at")), str(fields.get("reason", "")))
    return [
        replace(each, reason=reasons.get(each.letter.published_at.isoformat(), ""))
        for each in found
    ]


@contextmanager
def leased(
    subscriptions: Subscriptions[C], subscription: str, wanted: set[str]
) -> Iterator[dict[str, C]]:
    """The copies of *wanted* that could be had, by id; all others are given back at once.

    What is still leased at the end of the block, because nobody acknowledged it, is given back too.
    """
    deadline = Deadline.after(_SECONDS)
    found: dict[str, C] = {}
    others: list[C] = []
    try:
        while found.keys() < wanted and len(others) < _COPIES and not deadline.passed:
            received = subscriptions.pull(subscription, seconds=deadline.remaining())
            if not received:
                break
            for each in received:
                if each.message_id in wanted:
                    found[each.message_id] = each
                else:
                    others.append(each)
        subscriptions.give_back(subscription, others)
        others = []
        yield found
    finally:
        # An acknowledged copy cannot be given back any more, and that is no error.
        subscriptions.give_back(subscription, [*others, *found.values()])
