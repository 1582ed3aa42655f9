"""A container that is a process of this machine, in namespaces of its own."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from local.log_file import LogFile
from local.run.network import Network


class Contained:
    """*process* started it, *pid* is number 1 inside; *forget* clears up what it leaves.

    *deaf*: number 1 is the runtime's own and heeds no signal; the command is its child.
    """

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        pid: int,
        *,
        network: Network,
        owns_network: bool,
        output: LogFile,
        deaf: bool,
        forget: Callable[[], None],
    ) -> None:
        self._process = process
        self._pid = pid
        self.network = network
        self._owns_network = owns_network
        self._output = output
        self._deaf = deaf
        self._forget = forget

    def dial(self, port: int) -> socket.socket:
        return self.network.dial(port)

    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self, grace: float) -> None:
        if self.alive():
            for pid in children(self._pid) if self._deaf else [self._pid]:
                _kill(pid, signal.SIGTERM)
            try:
                self._process.wait(grace)
            except subprocess.TimeoutExpired:
                # With number 1 the kernel kills all of its namespace.
                _kill(self._pid, signal.SIGKILL)
                self._process.wait()
        self._output.finish()
        if self._owns_network:
            self.network.close()
        self._forget()


def children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    except OSError:
        return []
    return [int(child) for child in text.split()]


@contextlib.contextmanager
def killed_on_error(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    except BaseException:
        process.kill()
        process.wait()
        raise


def report(source: int, end: bytes, limit: float) -> bytes:
    """What comes from *source* up to *end*; OSError if it ends before, or takes longer."""
    deadline = time.monotonic() + limit
    text = b""
    while end not in text:
        ready, _, _ = select.select([source], [], [], max(deadline - time.monotonic(), 0.0))
        chunk = os.read(source, 4096) if ready else b""
        if not chunk:
            raise OSError("a container did not start: see its log")
        text += chunk
    return text


def _kill(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
