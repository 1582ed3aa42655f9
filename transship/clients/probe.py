"""Look at a revision over HTTP, by the URL that Cloud Run gave its tag.

The URL comes from the Admin API's own answer and is held to run.app all the same; redirects are
answers, and are not followed. Of an answer only the status is read.
"""

import time
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from transship.deadline import Deadline
from transship.model.gate import Gate, Health, Verdict
from transship.model.service import Service

_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# As many looks as make up a streak, and some more for one that stumbles.
_STREAKS = 3
_PAUSE = 0.5
_UNSEEN = "decided by readiness alone"


class RunProbe:
    """*identity* gives a token for an audience; *is_local* admits the local stack's addresses."""

    def __init__(
        self,
        *,
        identity: Callable[[str], str],
        is_local: bool = False,
        pause: float = _PAUSE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._identity = identity
        self._is_local = is_local
        self._pause = pause
        self._sleep = sleep
        self._pool = urllib3.PoolManager(num_pools=4)

    def __call__(self, service: Service, uri: str, gate: Gate, *, deadline: Deadline) -> Verdict:
        """*successes* good answers in a row are healthy, as many bad ones are not, nor is what has
        not shown the former by the deadline.

        UNREACHABLE where the platform, not the container, answers: then readiness decides.
        """
        if obstacle := self._obstacle(service, uri):
            return _unreachable(obstacle)
        # What the gate expects is an answer, also where it is a refusal.
        closed = _REFUSED - set(gate.status)
        headers: dict[str, str] = {}
        good, bad, status = 0, 0, None
        evidence = "no time was left to look"
        for attempt in range(gate.successes * _STREAKS):
            if attempt:
                self._sleep(min(self._pause, deadline.remaining()))
            if deadline.passed:
                break
            status, evidence = self._ask(uri, gate, headers, deadline)
            if status in closed and not headers:
                # Only now: a container that is open to everybody is shown no token.
                headers = {"Authorization": f"Bearer {self._identity(service.uri)}"}
                status, evidence = self._ask(uri, gate, headers, deadline)
            if status in closed:
                return _unreachable(f"{evidence}; the deployer needs roles/run.invoker")
            is_good = status is not None and gate.expects(status)
            good, bad = (good + 1, 0) if is_good else (0, bad + 1)
            if good == gate.successes:
                return Verdict(health=Health.HEALTHY, evidence=evidence)
            if bad == gate.successes:
                break
        wanted = f"; right is {gate.wanted}" if gate.status and status is not None else ""
        return Verdict(health=Health.UNHEALTHY, evidence=evidence + wanted)

    def _ask(
        self, uri: str, gate: Gate, headers: dict[str, str], deadline: Deadline
    ) -> tuple[int | None, str]:
        """The status, None where there was no answer, and what to tell people."""
        # A query may hold what is not for everybody's eyes.
        path = urlsplit(gate.path).path
        try:
            answer = self._pool.request(
                "GET",
                uri.rstrip("/") + gate.path,
                headers=headers,
                timeout=urllib3.Timeout(total=max(0.001, min(gate.timeout, deadline.remaining()))),
                redirect=False,
                retries=False,
                preload_content=False,
            )
        except (HTTPError, OSError) as error:
            return None, f"GET {path}: {type(error).__name__}"
        answer.close()
        return answer.status, f"GET {path} answers {answer.status}"

    def _obstacle(self, service: Service, uri: str) -> str:
        """Why nobody need ask; empty where somebody may."""
        ingress = service.settings.ingress
        if ingress != "all":
            return f"ingress {ingress} keeps the probe out"
        if not uri:
            return "the revision has no URL of its own"
        return "" if self._may_ask(uri) else "the revision's URL is not Cloud Run's"

    def _may_ask(self, uri: str) -> bool:
        parts = urlsplit(uri)
        if self._is_local and parts.scheme == "http" and parts.hostname == "127.0.0.1":
            return True
        return parts.scheme == "https" and (parts.hostname or "").endswith(".run.app")


def _unreachable(why: str) -> Verdict:
    return Verdict(health=Health.UNREACHABLE, evidence=f"{_UNSEEN}: {why}")
