"""What has been done less than a minute ago and need not be done again."""

import threading
from datetime import datetime, timedelta

_INTERVAL = timedelta(minutes=1)
_LIMIT = 10_000


class Lately:
    """Keeps the last *limit* keys, for a minute each; shared by the threads of an instance."""

    def __init__(self, *, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._done: dict[str, datetime] = {}

    def claim(self, key: str, now: datetime) -> bool:
        """Whether it is the caller's to do now: nobody has within the minute."""
        with self._lock:
            done = self._done.get(key)
            if done is not None and now < done + _INTERVAL:
                return False
            self._done.pop(key, None)
            self._done[key] = now
            while len(self._done) > self._limit:
                del self._done[next(iter(self._done))]
            return True

    def release(self, key: str) -> None:
        """It could not be done."""
        with self._lock:
            self._done.pop(key, None)
