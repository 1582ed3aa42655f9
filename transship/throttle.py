"""Manners towards a registry: so many requests a second, and none before the time it named."""

import random
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from transship.deadline import Deadline
from transship.errors import RateLimited
from transship.model.fetched import Head
from transship.model.reference import Reference
from transship.resolve import Registry

# Docker Hub's abuse limit names no time; its documentation speaks of minutes.
_UNNAMED = timedelta(minutes=5)


class Throttle:
    """At most *rate* a second for each host, jittered so that instances do not march in step."""

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}

    def wait(self, host: str) -> None:
        """Returns when it is this caller's turn. *rate* 0 is no throttle."""
        if not self._gap:
            return
        gap = self._gap * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
        with self._lock:
            now = self._clock()
            turn = max(now, self._next.get(host, 0.0))
            self._next[host] = turn + gap
        if turn > now:
            self._sleep(turn - now)


class Pauses:
    """Sources that have had enough of us, until when: what a 429 says is kept, and kept to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, datetime] = {}

    def check(self, source: str, now: datetime) -> None:
        """Raises RateLimited, without a request, while *source* is paused."""
        with self._lock:
            until = self._until.get(source)
        if until is not None and now < until:
            raise RateLimited(
                f"{source} is not asked before {until.isoformat()}", source=source, retry_at=until
            )

    def note(self, limited: RateLimited, now: datetime) -> datetime:
        """Until when its source is paused now."""
        until = limited.retry_at or now + _UNNAMED
        with self._lock:
            until = max(until, self._until.get(limited.source, until))
            self._until[limited.source] = until
            return until


class Patient:
    """*registry*, left alone for as long as it asked for; it raises RateLimited meanwhile."""

    def __init__(self, registry: Registry, pauses: Pauses, now: Callable[[], datetime]) -> None:
        self._registry = registry
        self._pauses = pauses
        self._now = now

    def head(self, reference: Reference, *, deadline: Deadline) -> Head:
        source = reference.registry
        self._pauses.check(source, self._now())
        try:
            return self._registry.head(reference, deadline=deadline)
        except RateLimited as error:
            limited = RateLimited(str(error), source=source, retry_at=error.retry_at)
            limited.retry_at = self._pauses.note(limited, self._now())
            raise limited from error
