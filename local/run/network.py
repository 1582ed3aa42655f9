"""The way into a container's network."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

_SCRIPT = Path(__file__).with_name("dialler.py")
_TIMEOUT = 10.0


class Network:
    """The network namespace of process *pid*, entered by a dialler.

    *in_user_namespace*: the network belongs to a user namespace of the container's own.
    """

    def __init__(self, pid: int, *, in_user_namespace: bool) -> None:
        self.pid = pid
        self.in_user_namespace = in_user_namespace
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        self._control.settimeout(_TIMEOUT)
        enter = ["-U", "--preserve-credentials"] if in_user_namespace else []
        with theirs:
            self._process = subprocess.Popen(
                ["/usr/bin/env", "nsenter", "-t", str(pid), *enter, "-n",
                 sys.executable, "-I", "-S", str(_SCRIPT)],
                stdin=theirs.fileno(),
            )  # fmt: skip
        if self._control.recv(1) != b"r":
            self.close()
            raise OSError(f"could not enter the network of process {pid} (is nsenter there?)")

    def dial(self, port: int) -> socket.socket:
        with self._lock:
            try:
                self._control.send(port.to_bytes(2, "big"))
                answer, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
            except OSError as error:
                raise ConnectionRefusedError(f"the container has gone: {error}") from error
        if answer != b"y":
            raise ConnectionRefusedError(f"nothing listens on port {port}")
        return socket.socket(fileno=descriptors[0])

    def close(self) -> None:
        self._control.close()
        try:
            self._process.wait(_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
