"""What can be made to go wrong with the answers of a stand-in.

A fault that has a ``response``, or resets, takes the place of the answer. The others spoil a
successful one: it is cut, corrupted, slowed down, or lies in its headers.
"""

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from local.registry.wire import Request, Response, error


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    path: str = ""  # a regular expression, searched for in the path
    method: str = ""
    times: int | None = None  # None: until cleared
    response: Response | None = None
    reset: bool = False
    cut_after: int | None = None  # bytes of the body, then the connection is closed
    corrupt: bool = False  # one bit of the body, whose length stays
    bytes_per_second: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def replaces_answer(self) -> bool:
        return self.reset or self.response is not None

    def matches(self, request: Request) -> bool:
        return self.method in {"", request.method} and bool(re.search(self.path, request.path))


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[tuple[Fault, int | None]] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._pending.append((fault, fault.times))

    def clear(self) -> None:
        with self._lock:
            self._pending.clear()

    def instead(self, request: Request) -> Fault | None:
        """The first fault that takes the place of the answer."""
        with self._lock:
            return next(self._take(request, replaces_answer=True), None)

    def spoiling(self, request: Request, response: Response) -> list[Fault]:
        """Those that spoil *response*; one that was meant for a body waits for a body."""
        if response.status not in {200, 206}:
            return []
        with self._lock:
            has_body = request.method == "GET"
            return list(self._take(request, replaces_answer=False, has_body=has_body))

    def _take(
        self, request: Request, *, replaces_answer: bool, has_body: bool = True
    ) -> Iterator[Fault]:
        for fault, left in list(self._pending):
            if fault.replaces_answer is not replaces_answer or not fault.matches(request):
                continue
            if not (has_body or fault.headers or replaces_answer):
                continue
            if left is not None:
                self._pending.remove((fault, left))
                if left > 1:
                    self._pending.insert(0, (fault, left - 1))
            yield fault


def unavailable(status: int = 503, *, path: str = "/v2/", times: int | None = None) -> Fault:
    """A page of a load balancer: an error body that is not JSON."""
    page = Response(
        status=status, headers={"Content-Type": "text/html"}, body=b"<html>unavailable</html>"
    )
    return Fault(path=path, times=times, response=page)


def pull_limit(*, retry_after: int | None = None, times: int | None = None) -> Fault:
    """Docker Hub's pull limit, whatever the account's own count says."""
    return Fault(
        path="/manifests/", method="GET", times=times, response=pull_limit_reached(retry_after)
    )


def pull_limit_reached(
    retry_after: int | None, headers: Mapping[str, str] | None = None
) -> Response:
    waiting = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return error(
        429,
        "TOOMANYREQUESTS",
        "You have reached your pull rate limit. You may increase the limit by authenticating "
        "and upgrading: https://www.docker.com/increase-rate-limits",
        headers={**(headers or {}), **waiting},
    )


def abuse_limit(*, retry_after: int | None = None, times: int | None = None) -> Fault:
    """Docker Hub's abuse limit: any request, any account, and a plain body.

    https://docs.docker.com/docker-hub/usage/
    """
    headers = {"Content-Type": "text/plain"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return Fault(
        times=times,
        response=Response(status=429, headers=headers, body=b"429 Too Many Requests\n"),
    )
