"""The functions, each target its own functions-framework server, as in production."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from local import processes
from local.log_file import LogFile
from local.logbook import tail

_SOURCE = Path(__file__).resolve().parent.parent
_STARTED = 60.0
# A day of a busy stack; Cloud Logging here has read it by then.
_LOG_LIMIT = 16 * 2**20
# What a deployed function has: the code is the same there and here, the machine is not.
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "SSL_CERT_FILE")


class Function:
    """One target; *url* is where pushes go, and stays the same over a restart."""

    def __init__(
        self, target: str, settings: Mapping[str, str], *, threads: int, log: Path
    ) -> None:
        self.target = target
        self.settings = dict(settings)
        self.log = log
        self._threads = threads
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._output: LogFile | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Returns at once; `wait` tells when it answers."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._process = processes.start(
            [sys.executable, "-m", "functions_framework"],
            env={
                **kept,
                **self.settings,
                "FUNCTION_TARGET": self.target,
                "FUNCTION_SOURCE": str(_SOURCE / "main.py"),
                "HOST": "127.0.0.1",
                "PORT": str(self._port),
                "THREADS": str(self._threads),
                "LOG_EXECUTION_ID": "true",
                "PYTHONUNBUFFERED": "1",
            },
            cwd=_SOURCE,
        )
        if self._process.stdout is not None:
            self._output = LogFile(self.log, self._process.stdout, limit=_LOG_LIMIT)

    def wait(self) -> None:
        """Until it listens; by TCP, because a GET would be an event."""
        until = time.monotonic() + _STARTED
        while time.monotonic() < until:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self._port), 0.5).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        self.stop()
        last = "".join(tail(self.log, 1)) or "it said nothing"
        raise RuntimeError(f"function {self.target} did not start: {last} (more is in {self.log})")

    def stop(self) -> None:
        if self._process is not None:
            processes.stop(self._process)
            self._said()

    def kill(self) -> None:
        """kill -9, in the middle of whatever it does."""
        if self._process is not None:
            processes.kill(self._process)
            self._said()

    def _said(self) -> None:
        self._process = None
        if self._output is not None:
            self._output.finish()
            self._output = None


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
