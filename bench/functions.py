"""Functions as servers of their own, as where they are deployed: functions-framework, the archive's
source with its bytecode, and no package that they do not have.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local import world
from tools.archive import write_archive
from transship.config import REQUIRED

ROOT = Path(__file__).resolve().parent.parent
_PEERS = Path(__file__).parent / "peers"
HELLO = _PEERS / "hello" / "main.py"
TARGETS = sorted(REQUIRED)
_TOPICS = (
    "OUTCOMES",
    "REDEPLOY",
    "WARM",
    "HINTS",
    "DEAD_LETTER",
    "DEPLOY",
    "NOTICES",
)
_SECONDS = 60.0

SETTINGS = {
    "TRANSSHIP_PROJECT": world.PROJECT,
    "TRANSSHIP_REGION": world.LOCATION,
    "TRANSSHIP_MIRRORS": f"docker.io={world.MIRROR}",
    "TRANSSHIP_POLICY": world.POLICY,
    "TRANSSHIP_RUNTIME_ACCOUNT": world.RUNTIME,
    "TRANSSHIP_WEBHOOK_SECRETS": world.WEBHOOK_SECRET,
    "TRANSSHIP_CONSOLE_AUTH": "iam",
    "TRANSSHIP_CONSOLE_KEYS": "k" * 32,
    "TRANSSHIP_NOTIFY": json.dumps(
        [{"name": "chat", "kind": "slack", "url": "https://hooks.slack.com/services/x"}]
    ),
    **{f"TRANSSHIP_{name}_TOPIC": world.topic(f"transship-{name.lower()}") for name in _TOPICS},
}


def environment(target: str, settings: Mapping[str, str] = SETTINGS) -> dict[str, str]:
    return {**os.environ, **settings, "FUNCTION_TARGET": target}


@contextmanager
def archived() -> Iterator[Path]:
    """main.py out of the archive that is deployed."""
    with tempfile.TemporaryDirectory() as place:
        archive, source = Path(place) / "transship.zip", Path(place) / "source"
        write_archive(ROOT, archive)
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(source)
        yield source / "main.py"


@contextmanager
def serving(
    target: str,
    source: Path,
    settings: Mapping[str, str] = SETTINGS,
    *,
    before: tuple[str, ...] = (),
) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """The port, at once: `until_it_answers` waits. *before* goes in front of the command."""
    port = _free_port()
    process = subprocess.Popen(
        [*before, sys.executable, "-m", "functions_framework"],
        env={
            **environment(target, settings),
            "PYTHONPATH": str(_PEERS / "absent"),
            "FUNCTION_SOURCE": str(source),
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "THREADS": "8",
        },
        cwd=source.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield port, process
    finally:
        process.terminate()
        process.wait(20)


def until_it_answers(port: int) -> None:
    """The framework answers this path itself: no function is run."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        try:
            ask(port, "GET", "/robots.txt")
        except OSError:
            time.sleep(0.002)
        else:
            return
    raise TimeoutError("the function did not start")


def ask(port: int, method: str, path: str, body: bytes = b"") -> int:
    """The status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
