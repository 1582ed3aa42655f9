"""The records of dead letters in the log, and their copies on the retained subscription.

A record is for reading; the copy is the right to act. Whoever has leased it replays or discards,
and only that acknowledges it: so two people who replay at once replay once.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from transship.deadline import Deadline
from transship.model.dead_letter import DeadLetter

# As long as Cloud Logging's default bucket keeps entries; the copies are kept a day longer.
DAYS = 30
# The words of handlers/bury.py.
_BURIED, _SETTLED = "dead letter", "dead letter settled"
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
    """*verdict* is empty while nobody has replayed or discarded *letter*."""

    letter: DeadLetter
    buried_at: datetime
    verdict: str = ""
    by: str = ""


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
        Burial(letter=each.letter, buried_at=each.buried_at, verdict=verdict, by=by)
        for each in reversed(found.values())
        for verdict, by in [verdicts.get(each.letter.id, ("", ""))]
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
