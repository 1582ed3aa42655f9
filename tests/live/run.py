"""Runs experiments step by step, and keeps in a file where each of them is.

No process sleeps for hours: what is not due is left to the next run. Each step is saved before the
next begins, so that a run may be broken off anywhere.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.live.calls import CALLS_KEPT
from tests.live.experiment import Bench, Experiment, Step

# What a run waits for by itself, in all; log entries arrive within it.
PATIENCE = timedelta(minutes=15)


@dataclass(slots=True, kw_only=True)
class Progress:
    """Where an experiment is: *due* is when its next step may run, *tried* how often it has."""

    step: int = 0
    tried: int = 0
    due: str = ""
    begun: str = ""
    ended: str = ""
    failed: str = ""
    notes: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class State:
    """A run, as its file has it. *undo* is what has to be taken back, oldest first."""

    path: Path
    run: str
    project: str
    region: str
    other_region: str
    probe: str
    names: list[str]
    undo: list[dict[str, Any]] = field(default_factory=list)
    progress: dict[str, Progress] = field(default_factory=dict)

    def save(self) -> None:
        document = {key: value for key, value in asdict(self).items() if key != "path"}
        _write(self.path, document)

    def remember(self, undo: Mapping[str, Any]) -> None:
        if dict(undo) not in self.undo:
            self.undo.append(dict(undo))
            self.save()

    @classmethod
    def load(cls, path: Path) -> "State":
        document = json.loads(path.read_text())
        document["progress"] = {
            name: Progress(**said) for name, said in document["progress"].items()
        }
        return cls(path=path, **document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """*bench* gives an experiment what it may touch; *pause* waits for seconds."""

    state: State
    records: Path
    bench: Callable[[], Bench]
    now: Callable[[], datetime]
    pause: Callable[[float], None]
    say: Callable[[str], None]
    patience: timedelta = PATIENCE

    def run(self, experiments: Sequence[Experiment]) -> datetime | None:
        """Everything that is due; when the rest is, or None where all has ended."""
        left = self.patience
        while True:
            waiting = [
                due for due in (self._advance(experiment) for experiment in experiments) if due
            ]
            if not waiting:
                return None
            wait = max(min(waiting) - self.now(), timedelta())
            if wait > left:
                return min(waiting)
            left -= wait
            self.pause(wait.total_seconds())

    def _advance(self, experiment: Experiment) -> datetime | None:
        """Run the steps that are due; when the next one is, or None at the end."""
        progress = self.state.progress.setdefault(experiment.name, Progress())
        while not progress.ended:
            if progress.due and (due := datetime.fromisoformat(progress.due)) > self.now():
                return due
            self._step(experiment, progress)
            self.state.save()
            if progress.ended:
                self._record(experiment, progress)
        return None

    def _step(self, experiment: Experiment, progress: Progress) -> None:
        step = experiment.steps[progress.step]
        progress.begun = progress.begun or self.now().isoformat()
        bench = self.bench()
        bench.notes, bench.answers = progress.notes, progress.answers
        bench.calls.take()
        self.say(f"{experiment.name}: step {progress.step + 1} of {len(experiment.steps)}")
        try:
            settled = step.run(bench) is not False
        except Exception as error:  # noqa: BLE001 — whatever went wrong is the record
            progress.failed = f"{type(error).__name__}: {error}"
            self.say(f"{experiment.name}: {progress.failed}")
        taken = bench.calls.take()
        progress.calls += taken[: CALLS_KEPT - len(progress.calls)]
        if progress.failed:
            progress.ended = self.now().isoformat()
        else:
            self._next(experiment.steps, step, progress, settled=settled)

    def _next(
        self, steps: Sequence[Step], step: Step, progress: Progress, *, settled: bool
    ) -> None:
        progress.tried += 1
        if not settled and progress.tried < step.times:
            progress.due = (self.now() + step.every).isoformat()
            return
        progress.step, progress.tried = progress.step + 1, 0
        if progress.step == len(steps):
            progress.ended = self.now().isoformat()
        else:
            progress.due = (self.now() + steps[progress.step].after).isoformat()

    def _record(self, experiment: Experiment, progress: Progress) -> None:
        """One file for each experiment; what failed has one too."""
        said = asdict(progress)
        document = {
            "experiment": experiment.name,
            "bundle": experiment.bundle,
            "questions": dict(experiment.questions),
            "project": self.state.project,
            "region": self.state.region,
            **{key: said[key] for key in ("begun", "ended", "failed", "answers", "notes", "calls")},
        }
        _write(self.records / self.state.run / f"{experiment.name}.json", document)
        self.say(f"{experiment.name}: {json.dumps(progress.answers)}")


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """The whole file or none; readable by its owner alone, since projects have secrets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(document, file, indent=2, default=str)
    unfinished.replace(path)
