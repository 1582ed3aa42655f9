"""The startup probe decides when a revision is ready, the liveness probe how long it may go on.

https://cloud.google.com/run/docs/configuring/healthchecks
"""

import http.client
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from local.run.containers import Container
from local.run.errors import RevisionFailed, never_listened, probe_failed, unsupported

log = logging.getLogger(__name__)

# Much more often than Cloud Run asks: people wait for this.
_PAUSE = 0.01
_LONGEST_PAUSE = 0.25
_HEALTHY = range(200, 400)


def await_startup(
    container: Container, message: Any, *, limit: float, stopping: threading.Event
) -> None:
    """Return once the probe of the container's *message* succeeds; *limit* seconds at the most."""
    probe = message.startup_probe
    port = message.ports[0].container_port
    check = _check_of(container, probe)
    if message.HasField("readiness_probe"):
        log.warning("readiness probes are not run here")
    allowed = probe.initial_delay_seconds + probe.period_seconds * probe.failure_threshold
    deadline = time.monotonic() + min(allowed, limit)
    pause = _PAUSE
    while time.monotonic() < deadline and container.alive():
        if check():
            return
        if stopping.wait(pause):
            break
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    raise _failure(probe, port)


def await_death(container: Container, probe: Any, gone: Callable[[float], bool]) -> bool:
    """True once the liveness *probe* has failed as often as it may; False where *gone*, which waits
    so many seconds, says that nobody wants to know any more.
    """
    check = _check_of(container, probe)
    failures, pause = 0, float(probe.initial_delay_seconds or probe.period_seconds)
    while failures < probe.failure_threshold:
        if gone(pause):
            return False
        failures = 0 if check() else failures + 1
        pause = float(probe.period_seconds)
    return True


def _check_of(container: Container, probe: Any) -> Callable[[], bool]:
    match probe.WhichOneof("probe_type"):
        case "tcp_socket":
            return lambda: _listens(container, probe.tcp_socket.port)
        case "http_get":
            return lambda: _answers(container, probe.http_get, probe.timeout_seconds)
        case kind:
            raise unsupported(f"the probe {kind}")


def _failure(probe: Any, port: int) -> RevisionFailed:
    if probe.WhichOneof("probe_type") == "tcp_socket" and probe.tcp_socket.port == port:
        return never_listened(port)
    return probe_failed()


def _listens(container: Container, port: int) -> bool:
    try:
        container.dial(port).close()
    except OSError:
        return False
    return True


def _answers(container: Container, probe: Any, timeout: float) -> bool:
    connection = http.client.HTTPConnection("localhost", timeout=timeout)
    try:
        connection.sock = container.dial(probe.port)
        connection.sock.settimeout(timeout)
        headers = {header.name: header.value for header in probe.http_headers}
        connection.request("GET", probe.path, headers=headers)
        return connection.getresponse().status in _HEALTHY
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
