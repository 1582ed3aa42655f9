"""What registries say of their quota, told to the log, so that a metric and an alert can be made.

Every answer says it, HEAD included (https://docs.docker.com/docker-hub/usage/pulls/); a line for
each would drown the log.
"""

import threading
import time
from collections.abc import Callable

import structlog

from transship.model.ratelimit import RateLimit

log = structlog.get_logger()

_EVERY = 60.0


class QuotaLog:
    """At most one line a minute for each registry, or as soon as less is left than *floor*."""

    def __init__(self, floor: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._floor = floor
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[str, tuple[float, bool]] = {}

    def __call__(self, registry: str, said: RateLimit) -> None:
        if said.remaining is None:
            return
        is_low = said.remaining < self._floor
        with self._lock:
            at, was_low = self._told.get(registry, (-_EVERY, False))
            if self._clock() < at + _EVERY and is_low == was_low:
                return
            self._told[registry] = (self._clock(), is_low)
        tell = log.warning if is_low else log.info
        tell(
            "quota seen",
            registry=registry,
            quota_remaining=said.remaining,
            quota_limit=said.limit,
            quota_window_seconds=said.window_seconds,
        )
