"""Containers by chroot and util-linux's unshare: for root, where nothing better works.

The container keeps root's capabilities inside its namespaces: do not run what you would not run.
"""

import logging
import os
import shutil
import stat
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.log_file import LogFile
from local.run.contained import Contained, children, killed_on_error, report
from local.run.containers import Launch
from local.run.errors import unsupported
from local.run.network import Network

log = logging.getLogger(__name__)

_NAMESPACES = ("--pid", "--mount", "--uts", "--ipc")
# Documentation/admin-guide/devices.txt of the kernel
_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9)}
_START_LIMIT = 10.0


class Chroot:
    name = "chroot"
    TRIAL = ("unshare", "--kill-child=KILL", "--fork", "--net", *_NAMESPACES, "true")

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)
        # The death signal comes when the *thread* that started the container ends.
        self._spawner = ThreadPoolExecutor(1, "chroot")
        log.warning("containers run as root by chroot: weak walls, and no network outside")

    def start(self, launch: Launch) -> Contained:
        return self._spawner.submit(self._start, launch).result()

    def close(self) -> None:
        self._spawner.shutdown()

    def _start(self, launch: Launch) -> Contained:
        if launch.beside is not None or launch.tmpfs:
            raise unsupported("a second container, or a volume, by chroot")
        # Each container writes to a copy of its own.
        home = Path(tempfile.mkdtemp(prefix="container-", dir=self._root))
        copy = home / "rootfs"
        copied = [_tool("cp"), "-a", "--reflink=auto", str(launch.rootfs), str(copy)]
        subprocess.run(copied, check=True)
        _make_devices(copy / "dev")
        (copy / "etc/hosts").write_text("127.0.0.1 localhost\n", encoding="ascii")
        holder = self._network_holder()
        with killed_on_error(holder):
            network = Network(holder.pid, in_user_namespace=False)
        process = subprocess.Popen(
            [*_dying(), _tool("nsenter"), "-t", str(holder.pid), "-n",
             _tool("unshare"), "--kill-child=KILL", "--fork", *_NAMESPACES,
             "--mount-proc=/proc", f"--root={copy}", f"--wd={launch.directory}",
             f"--setuid={launch.uid}", f"--setgid={launch.gid}", "--", *launch.argv],
            env=dict(launch.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe

        def forget() -> None:
            holder.kill()
            holder.wait()
            shutil.rmtree(home, ignore_errors=True)

        return Contained(
            process,
            _child(process),
            network=network,
            owns_network=True,
            output=LogFile(launch.log, process.stdout),
            deaf=False,
            forget=forget,
        )

    def _network_holder(self) -> "subprocess.Popen[bytes]":
        """A process with a network, which can be opened before the container begins."""
        holder = subprocess.Popen(
            [*_dying(), _tool("unshare"), "--net", "sh", "-c", "echo; exec sleep infinity"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert holder.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        with killed_on_error(holder), holder.stdout as started:
            report(started.fileno(), b"\n", _START_LIMIT)
        return holder


def _child(process: "subprocess.Popen[bytes]") -> int:
    """Number 1 inside; a container that has ended already has none, and needs none."""
    deadline = time.monotonic() + _START_LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        if found := children(process.pid):
            return found[0]
        time.sleep(0.001)
    process.kill()
    process.wait()
    return process.pid


def _dying() -> list[str]:
    return [_tool("setpriv"), "--pdeathsig", "KILL"]


def _make_devices(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, (major, minor) in _DEVICES.items():
        node = folder / name
        if not node.exists():
            os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(major, minor))
            node.chmod(0o666)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise OSError(f"{name} (util-linux) is not installed")
    return found
