"""The count of pulls that Docker Hub keeps for each account or address.

https://docs.docker.com/docker-hub/usage/pulls/
"""

import threading
from collections import deque
from datetime import datetime, timedelta

from local.clock import Clock

SIX_HOURS = 6 * 60 * 60


class PullQuota:
    """At most *limit* pulls of each source within any *window* seconds; None is no limit."""

    def __init__(self, clock: Clock, *, limit: int | None = 100, window: int = SIX_HOURS) -> None:
        self.limit = limit  # for sources that are not in limits
        self.window = window
        self.limits: dict[str, int | None] = {}  # by source: an address or an account
        self._clock = clock
        self._lock = threading.Lock()
        self._pulls: dict[str, deque[datetime]] = {}

    def take(self, source: str) -> bool:
        """Count one pull; False when none is left."""
        with self._lock:
            limit = self._limit(source)
            if limit is None:
                return True
            pulls = self._current(source)
            if len(pulls) >= limit:
                return False
            pulls.append(self._clock.now())
            return True

    def exhaust(self, source: str) -> None:
        """As if somebody else behind the same source had used up what was left."""
        while self._limit(source) is not None and self.take(source):
            pass

    def headers(self, source: str) -> dict[str, str]:
        """None at all where no limit applies: that is how Docker Hub says it."""
        with self._lock:
            limit = self._limit(source)
            if limit is None:
                return {}
            left = max(limit - len(self._current(source)), 0)
        return {
            "docker-ratelimit-source": source,
            "ratelimit-limit": f"{limit};w={self.window}",
            "ratelimit-remaining": f"{left};w={self.window}",
        }

    def _limit(self, source: str) -> int | None:
        return self.limits.get(source, self.limit)

    def _current(self, source: str) -> deque[datetime]:
        pulls = self._pulls.setdefault(source, deque())
        since = self._clock.now() - timedelta(seconds=self.window)
        while pulls and pulls[0] <= since:
            pulls.popleft()
        return pulls
