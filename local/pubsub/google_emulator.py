"""Google's own Pub/Sub emulator, where a Cloud SDK with it is installed.

https://cloud.google.com/pubsub/docs/emulator

It is the independent peer of ours. Where it differs from the product, ours follows the product:
it ignores filters, sends again what was answered by 202, adds no identity token, and leaves the
attempt and the ordering key out of the push body.
"""

import http.client
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

from local.pubsub.emulator import Emulator

Choice = Literal["google", "ours"]

VARIABLE = "LOCAL_PUBSUB"
_JARS = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"
_ROOTS = (
    "~/google-cloud-sdk",
    "/usr/lib/google-cloud-sdk",
    "/usr/share/google-cloud-sdk",
    "/usr/local/google-cloud-sdk",
    "/opt/google-cloud-sdk",
    "/google-cloud-sdk",
    "/snap/google-cloud-sdk/current",
    "/opt/homebrew/share/google-cloud-sdk",
)
_STARTED = 30.0
_STOPPED = 5.0
_ANSWER = 5.0
_PAUSE = 0.05
# The kernel's choice of a port can be taken by another before Java listens on it.
_ATTEMPTS = 3
_LOG_TAIL = 2_000


class Absent(RuntimeError):
    """Google's emulator cannot run here; the text is the reason, for a skipped test."""


class GoogleEmulator:
    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        self._command = _command(env)
        self._running = ExitStack()
        self._port = 0

    @property
    def grpc_address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def rest_url(self) -> str:
        """It serves both faces on one port."""
        return f"http://{self.grpc_address}/"

    def start(self) -> None:
        until = time.monotonic() + _STARTED
        log = tempfile.TemporaryFile()  # noqa: SIM115 - the exit stack closes it
        output = self._running.enter_context(log)
        # The death signal is sent when the *thread* that spawned ends, so that one stays.
        spawner = self._running.enter_context(ThreadPoolExecutor(1))
        for _attempt in range(_ATTEMPTS):
            self._port = _free_port()
            command = [*self._command, "--host=127.0.0.1", f"--port={self._port}"]
            process = spawner.submit(_spawn, command, output).result()
            self._running.callback(_end, process)
            if _answers(process, self.grpc_address, until):
                return
            _end(process)
        output.seek(0)
        problem = output.read()[-_LOG_TAIL:].decode(errors="replace")
        self.stop()
        raise Absent(f"Google's emulator does not answer: {problem}")

    def stop(self) -> None:
        self._running.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def choose(
    forced: Choice | None = None, env: Mapping[str, str] = os.environ
) -> Emulator | GoogleEmulator:
    """Google's emulator where it can run, else ours; LOCAL_PUBSUB or *forced* decides."""
    choice = forced or env.get(VARIABLE, "")
    if choice not in {"", "google", "ours"}:
        raise ValueError(f"{VARIABLE} must be 'google' or 'ours', not {choice!r}")
    if choice == "ours":
        return Emulator()
    if choice == "google":
        return GoogleEmulator(env)
    try:
        return GoogleEmulator(env)
    except Absent:
        return Emulator()


def _spawn(command: list[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
    )


def _answers(process: subprocess.Popen[bytes], address: str, until: float) -> bool:
    while process.poll() is None and time.monotonic() < until:
        # Not urllib: it would ask the proxy of the environment.
        connection = http.client.HTTPConnection(address, timeout=_ANSWER)
        try:
            connection.request("GET", "/")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            time.sleep(_PAUSE)
        else:
            return True
        finally:
            connection.close()
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOPPED)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _command(env: Mapping[str, str]) -> list[str]:
    java = _java(env)
    for root in _sdk_roots(env):
        jars = sorted(root.glob(_JARS), key=_version)
        if jars:
            # SIGTERM ends it at once; a heap is bounded so that a test run cannot eat the machine.
            command = [java, "-Xmx512m", "-jar", str(jars[-1])]
            return [*_die_with_us(env), *command]
    raise Absent("no Cloud SDK with the component pubsub-emulator was found")


def _die_with_us(env: Mapping[str, str]) -> list[str]:
    # util-linux; elsewhere the emulator outlives a parent that was killed.
    setpriv = shutil.which("setpriv", path=env.get("PATH"))
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _java(env: Mapping[str, str]) -> str:
    home = env.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else env.get("PATH"))
    if found is None:
        raise Absent("no java on PATH, nor below JAVA_HOME")
    return found


def _sdk_roots(env: Mapping[str, str]) -> Iterator[Path]:
    if env.get("CLOUDSDK_ROOT"):
        yield Path(env["CLOUDSDK_ROOT"])
    gcloud = shutil.which("gcloud", path=env.get("PATH"))
    if gcloud:
        yield Path(gcloud).resolve().parent.parent
    for root in _ROOTS:
        yield Path(root).expanduser()


def _version(jar: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", jar.name))


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
