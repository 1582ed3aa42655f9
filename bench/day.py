"""A simulated day of sweeps: what they ask, what they find late, and what that costs of a quota."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bench.turns import table
from transship.model.reference import Reference, parse_reference
from transship.model.schedule import LONGEST
from transship.model.sweeping import due

_TICK = timedelta(minutes=10)
_DAY = timedelta(days=1)
_BEGINS = datetime(2026, 11, 23, tzinfo=UTC)
_CLASSES = {"hourly": timedelta(hours=1), "weekly": timedelta(days=7), "never": None}
_YEAR = timedelta(days=365)


@dataclass(slots=True, kw_only=True)
class Tag:
    """*moves* are ahead, soonest first; *known* is the last move that somebody has seen."""

    name: Reference
    kind: str
    moves: list[datetime]
    known: datetime


@dataclass(slots=True, kw_only=True)
class Tally:
    """Of a class of tags. *pulls* are the quota's units: one for each move, none for a look."""

    tags: int = 0
    requests: int = 0
    pulls: int = 0
    lags: list[timedelta] = field(default_factory=list)


def simulate(count: int) -> dict[str, Tally]:
    """Where several moves fall between two looks, the oldest counts for the lag."""
    tags = {tag.name: tag for tag in _tags(count)}
    tallies = {kind: Tally() for kind in _CLASSES}
    for tag in tags.values():
        tallies[tag.kind].tags += 1
    now = _BEGINS
    while now < _BEGINS + _DAY:
        known: dict[Reference, datetime | None] = {tag.name: tag.known for tag in tags.values()}
        for name in due(known, (), frozenset(), published_at=now, tick=_TICK):
            tag, tally = tags[name], tallies[tags[name].kind]
            tally.requests += 1
            seen = [move for move in tag.moves if move <= now]
            if seen:
                tally.pulls += 1
                tally.lags.append(now - seen[0])
                tag.moves, tag.known = tag.moves[len(seen) :], now
        now += _TICK
    return tallies


def _tags(count: int) -> Iterator[Tag]:
    """A third of each class, their moves spread over their period."""
    kinds = list(_CLASSES)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        period = _CLASSES[kind]
        # Irrational steps, so that moves keep no step with ticks.
        phase = (number * 0.6180339887) % 1.0
        moves = [] if period is None else [_BEGINS + phase * period + n * period for n in range(24)]
        yield Tag(
            name=parse_reference(f"docker.io/bench/{kind}:{number}"),
            kind=kind,
            moves=[move for move in moves if move < _BEGINS + _DAY],
            known=_BEGINS - (period * (1 - phase) if period else _YEAR),
        )


def measure(tiny: bool) -> str:
    rows: list[list[object]] = []
    for count in (30,) if tiny else (100, 1000):
        tallies = simulate(count)
        for kind, tally in tallies.items():
            worst = max(tally.lags, default=timedelta())
            mean = sum(tally.lags, timedelta()) / max(1, len(tally.lags))
            rows.append(
                [
                    count,
                    f"{tally.tags} {kind}",
                    tally.requests,
                    tally.tags * 288,
                    tally.tags * 96,
                    tally.pulls,
                    f"{_minutes(mean)} / {_minutes(worst)}" if tally.lags else "",
                    _minutes(LONGEST),
                ]
            )
    heads = (
        "tags",
        "of them",
        "HEADs a day",
        "polling every 5 min",
        "every 15 min",
        "pulls",
        "lag in minutes, mean / most",
        "bound",
    )
    return f"""\
## A simulated day of sweeps

The product's own schedule (`transship.model.sweeping.due`) on a clock that is moved, a tick every
10 minutes and no hints at all; a third of the tags moves every hour, a third once a week, a third
never. A HEAD costs no unit of Docker Hub's quota, a pull costs one, and there is one for each move
that is found, none for a tag that rests.

{table(heads, rows)}
"""


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:.0f}"
