"""Look at a revision over HTTP, by the URL that Cloud Run gave its tag.

The URL comes from the Admin API's own answer and is held to run.app all the same; redirects are
answers, and are not followed. Of an answer only the status is read.
"""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from transship.model.gate import Gate, Health, Verdict
from transship.model.naming import ServiceName
from transship.model.service import Service

_REFUSED = frozenset({401, 403})
# As many looks as make up a streak, and some more for one that stumbles.
_STREAKS = 3
_PAUSE = 0.5


class RunProbe:
    """*identity* gives a token for an audience; *is_local* admits the local stack's addresses."""

    def __init__(
        self,
        *,
        identity: Callable[[str], str],
        is_public: Callable[[ServiceName], bool],
        is_local: bool = False,
        pause: float = _PAUSE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._identity = identity
        self._is_public = is_public
        self._is_local = is_local
        self._pause = pause
        self._sleep = sleep
        self._pool = urllib3.PoolManager(num_pools=4)

    def __call__(self, service: Service, uri: str, gate: Gate) -> Verdict:
        """*successes* good answers in a row are healthy, as many bad ones are not.

        UNREACHABLE where the platform, not the container, would answer: then readiness decides.
        """
        if not uri or not self._may_ask(uri):
            return Verdict(health=Health.UNREACHABLE, evidence="the revision has no URL")
        if service.settings.ingress != "all":
            evidence = f"ingress {service.settings.ingress}: not reachable from here"
            return Verdict(health=Health.UNREACHABLE, evidence=evidence)
        private = not self._is_public(service.name)
        headers = {"Authorization": f"Bearer {self._identity(service.uri)}"} if private else {}
        good = bad = 0
        evidence = ""
        for attempt in range(gate.successes * _STREAKS):
            if attempt:
                self._sleep(self._pause)
            status, evidence = self._ask(uri.rstrip("/") + gate.path, headers, gate.timeout)
            if private and status in _REFUSED:
                evidence = f"{evidence}: grant the deployer roles/run.invoker to have it probed"
                return Verdict(health=Health.UNREACHABLE, evidence=evidence)
            is_good = status is not None and gate.expects(status)
            good, bad = (good + 1, 0) if is_good else (0, bad + 1)
            if good == gate.successes:
                return Verdict(health=Health.HEALTHY, evidence=evidence)
            if bad == gate.successes:
                break
        return Verdict(health=Health.UNHEALTHY, evidence=evidence)

    def _ask(self, url: str, headers: dict[str, str], timeout: float) -> tuple[int | None, str]:
        """The status, None where there was no answer, and what to tell people."""
        path = urlsplit(url).path
        try:
            answer = self._pool.request(
                "GET",
                url,
                headers=headers,
                timeout=urllib3.Timeout(total=timeout),
                redirect=False,
                retries=False,
                preload_content=False,
            )
        except (HTTPError, OSError) as error:
            return None, f"GET {path}: {type(error).__name__}"
        answer.close()
        return answer.status, f"GET {path} answers {answer.status}"

    def _may_ask(self, uri: str) -> bool:
        parts = urlsplit(uri)
        if self._is_local and parts.scheme == "http" and parts.hostname == "127.0.0.1":
            return True
        return parts.scheme == "https" and (parts.hostname or "").endswith(".run.app")
