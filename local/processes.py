"""Child processes that end with us, whatever ends us."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

_GRACE = 12.0  # Cloud Run gives ten seconds between SIGTERM and SIGKILL.

# The death signal is sent when the *thread* that started the child ends, so that one stays.
_SPAWNER = ThreadPoolExecutor(1, thread_name_prefix="spawn")
# util-linux; elsewhere a child outlives a parent that was killed.
_SETPRIV = shutil.which("setpriv")


def start(command: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    """Start *command* in a process group of its own, so that Ctrl-C reaches only us.

    What it says is to be read from its ``stdout``.
    """

    def spawn() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*_die_with_parent(), *command],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )

    return _SPAWNER.submit(spawn).result()


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, then SIGKILL to the whole group; returns when it is gone."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            kill(process)
    process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    """As kill -9 does: no warning, and nothing tidied up."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _die_with_parent() -> list[str]:
    return [_SETPRIV, "--pdeathsig", "KILL", "--"] if _SETPRIV else []
