"""Candidates that take turns, so that a noisy neighbour troubles all of them alike."""

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

SECONDS = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """*processor* is None where it cannot be told from somebody else's."""

    seconds: float
    processor: float | None = None


Candidate = Callable[[], Spent]


@dataclass(frozen=True, slots=True)
class Turns:
    spent: tuple[Spent, ...]

    @property
    def seconds(self) -> float:
        return statistics.median(turn.seconds for turn in self.spent)

    @property
    def processor(self) -> float:
        return statistics.median(turn.processor or 0.0 for turn in self.spent)

    def spread(self) -> str:
        """Median, least and most, in a unit that suits."""
        seconds = [turn.seconds for turn in self.spent]
        unit, scale = ("s", 1.0) if self.seconds >= 1 else ("ms", 1000.0)
        least, most = (f"{value * scale:.3g}" for value in (min(seconds), max(seconds)))
        return f"{self.seconds * scale:.3g} {unit} ({least} to {most})"

    def against(self, other: "Turns") -> float:
        """The median of the ratios of turns that were taken side by side."""
        pairs = zip(self.spent, other.spent, strict=True)
        return statistics.median(mine.seconds / theirs.seconds for mine, theirs in pairs)


def take_turns(candidates: Mapping[str, Candidate], repeat: int) -> dict[str, Turns]:
    """After one turn each that does not count; every other round in the opposite order."""
    for candidate in candidates.values():
        candidate()
    spent: dict[str, list[Spent]] = {name: [] for name in candidates}
    for number in range(repeat):
        names = list(candidates)
        for name in names if number % 2 == 0 else reversed(names):
            spent[name].append(candidates[name]())
    return {name: Turns(tuple(turns)) for name, turns in spent.items()}


def spent_here(run: Callable[[], object]) -> Spent:
    return _spent(resource.RUSAGE_SELF, run)


def spent_by_child(run: Callable[[], object]) -> Spent:
    return _spent(resource.RUSAGE_CHILDREN, run)


def run_peer(command: list[str]) -> str:
    """What *command* prints; its own complaint where it fails."""
    run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if run.returncode:
        raise RuntimeError(f"{command[0]} ends with {run.returncode}: {run.stderr[-2000:]}")
    return run.stdout


def _spent(who: int, run: Callable[[], object]) -> Spent:
    before, began = _processor(who), time.perf_counter()
    run()
    seconds = time.perf_counter() - began
    return Spent(seconds=seconds, processor=_processor(who) - before)


def _processor(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


@contextmanager
def running_server(module: str, *arguments: object) -> Iterator[str]:
    """The address of ``python -m MODULE``, which prints its port first."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    heads = list(heads)
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines)
