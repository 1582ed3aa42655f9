"""The local stack as a person has it: a process of its own in a terminal of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click.testing

from local import home
from local.__main__ import local

CHECKOUT = Path(__file__).resolve().parents[2]
_STARTED = 60.0
_GONE = 20.0
# Ours starts in milliseconds, and is there on every machine.
_ENV = {**os.environ, "LOCAL_PUBSUB": "ours", "PYTHONUNBUFFERED": "1", "TRANSSHIP_LOCAL_DIR": ""}


@dataclass(frozen=True, kw_only=True)
class Terminal:
    folder: Path
    process: subprocess.Popen[bytes]

    def run(self, *words: str) -> click.testing.Result:
        """Another terminal's `python -m local` in the same folder."""
        return run(self.folder, *words)

    def ok(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.stdout

    def descendants(self) -> set[tuple[int, str]]:
        """Each with the time of its start, since a process id is used again."""
        parents = {pid: parent for pid, parent, _ in _processes()}
        return {
            (pid, started)
            for pid, _, started in _processes()
            if self.process.pid in _ancestors(pid, parents)
        }


def interrupted(folder: Path, *words: str) -> tuple[int, str]:
    """The status of a verb that Ctrl-C ends after its first line, and what it says of that."""
    with subprocess.Popen(
        [sys.executable, "-m", "local", *words, "--dir", str(folder)],
        cwd=CHECKOUT,
        env=_ENV,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as verb:
        assert verb.stdout
        assert verb.stdout.readline()
        verb.send_signal(signal.SIGINT)
        try:
            _, said = verb.communicate(timeout=_GONE)
        finally:
            verb.kill()
    return verb.returncode, said


def run(folder: Path, *words: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(local, ["--dir", str(folder), *words])


def demo_once(folder: Path) -> subprocess.CompletedProcess[str]:
    """As `make demo ARGS=…` does it: everything stands behind the verb."""
    return subprocess.run(
        [sys.executable, "-m", "local", "demo", "--once", "--dir", str(folder)],
        cwd=CHECKOUT,
        env=_ENV,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@contextmanager
def started(folder: Path, *words: str, **variables: str) -> Iterator[Terminal]:
    """A stack that has said where it is; whatever the test did to it, it is gone afterwards.

    *words* stand behind `python -m local`, *variables* are in its environment.
    """
    with (folder.parent / f"{folder.name}.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "--dir", str(folder), *words],
            cwd=CHECKOUT,
            env={**_ENV, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await(folder, process)
        yield Terminal(folder=folder, process=process)
    finally:
        process.terminate()
        try:
            process.wait(_GONE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_gone(processes: set[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those that are still there at the deadline."""
    until = time.monotonic() + _GONE
    left = processes
    while left and time.monotonic() < until:
        left = processes & {(pid, started) for pid, _, started in _processes()}
        time.sleep(0.05)
    return left


def _await(folder: Path, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _STARTED
    while time.monotonic() < until and process.poll() is None:
        try:
            home.look(folder)
        except home.NotHere:
            time.sleep(0.05)
        else:
            return
    said = (folder.parent / f"{folder.name}.txt").read_text(errors="replace")
    raise AssertionError(f"the stack did not start: {said}")


def _processes() -> Iterator[tuple[int, int, str]]:
    """Process id, parent and time of start of all that run; a zombie does not.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in {"Z", "X"}:
            yield int(path.parent.name), int(fields[1]), fields[19]


def _ancestors(pid: int, parents: dict[int, int]) -> set[int]:
    found: set[int] = set()
    while (pid := parents.get(pid, 0)) and pid not in found:
        found.add(pid)
    return found
