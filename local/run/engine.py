"""Containers by a Docker or Podman engine, through its command line."""

import contextlib
import logging
import shutil
import socket
import subprocess
import threading
import time
import uuid
from pathlib import Path

from local.log_file import LogFile
from local.run.containers import Launch
from local.run.errors import unsupported

log = logging.getLogger(__name__)

_START_LIMIT = 60.0
_PAUSE = 0.05
# How long the engine's proxy takes to find out that nothing listens inside.
_PEEK = 0.05


class Engine:
    """*command* is ``docker`` or ``podman``."""

    def __init__(self, command: str) -> None:
        self.name = command
        self._imports = threading.Lock()

    def start(self, launch: Launch) -> "Engined":
        if launch.beside is not None:
            raise unsupported(f"a second container by {self.name}")
        image = self._image(launch.rootfs)
        name = f"transship-{uuid.uuid4().hex[:12]}"
        argv = [self.name, "run", "--rm", "--name", name]
        argv += ["--publish", f"127.0.0.1::{launch.port}"]
        argv += ["--user", f"{launch.uid}:{launch.gid}", "--workdir", launch.directory]
        for path in launch.tmpfs:
            argv += ["--tmpfs", path]
        for key, value in launch.environment.items():
            argv += ["--env", f"{key}={value}"]
        argv += ["--entrypoint", launch.argv[0], image, *launch.argv[1:]]
        # It removes the container once its standard input ends: when we stop it, or when we die.
        guard = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; exec "$0" rm --force "$1"', self.name, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        container = Engined(self.name, name, process, guard, LogFile(launch.log, process.stdout))
        try:
            container.find_port(launch.port)
        except OSError:
            container.stop(0.0)
            raise
        return container

    def close(self) -> None:
        """Images stay in the engine: importing them again would cost the next start."""

    def _image(self, rootfs: Path) -> str:
        name = f"transship-local:{rootfs.name[:32]}"
        with self._imports:
            if subprocess.run(
                [self.name, "image", "inspect", name], capture_output=True, check=False
            ).returncode:
                tar = subprocess.Popen(
                    [shutil.which("tar") or "tar", "-C", str(rootfs), "-c", "."],
                    stdout=subprocess.PIPE,
                )
                with tar:
                    subprocess.run(
                        [self.name, "import", "-", name],
                        stdin=tar.stdout,
                        check=True,
                        capture_output=True,
                    )
        return name


class Engined:
    def __init__(
        self,
        engine: str,
        name: str,
        process: "subprocess.Popen[bytes]",
        guard: "subprocess.Popen[bytes]",
        output: LogFile,
    ) -> None:
        self._engine = engine
        self._name = name
        self._process = process
        self._guard = guard
        self._output = output
        self._address = ("127.0.0.1", 0)

    def find_port(self, port: int) -> None:
        """Where the engine has published *port*; a container that has exited has none."""
        deadline = time.monotonic() + _START_LIMIT
        while time.monotonic() < deadline and self.alive():
            answer = subprocess.run(
                [self._engine, "port", self._name, f"{port}/tcp"],
                capture_output=True,
                text=True,
                check=False,
            )
            if answer.returncode == 0 and answer.stdout.strip():
                published = answer.stdout.split()[0].rpartition(":")[2]
                self._address = ("127.0.0.1", int(published))
                return
            time.sleep(_PAUSE)
        if self.alive():
            raise OSError(f"{self._engine} published no port within {_START_LIMIT:.0f} s")

    def dial(self, port: int) -> socket.socket:
        """The engine's proxy accepts even if nothing listens inside, and then closes at once."""
        connection = socket.create_connection(self._address, timeout=_PEEK)
        try:
            gone = connection.recv(1, socket.MSG_PEEK) == b""
        except TimeoutError:
            gone = False
        except OSError:
            gone = True
        if gone:
            connection.close()
            raise ConnectionRefusedError(f"nothing listens on port {port}")
        connection.settimeout(None)
        return connection

    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self, grace: float) -> None:
        if self.alive():
            subprocess.run(
                [self._engine, "stop", "--time", str(int(grace)), self._name],
                capture_output=True,
                check=False,
            )
        assert self._guard.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
        with contextlib.suppress(OSError):
            self._guard.stdin.close()
        for process in (self._guard, self._process):
            try:
                process.wait(_START_LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._output.finish()
