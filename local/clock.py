"""The one clock of the local cloud: real time plus an offset that only grows."""

import threading
from datetime import UTC, datetime, timedelta


class Clock:
    """Windows of an hour or six are waited for by moving this, never by waiting."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset = timedelta()

    def now(self) -> datetime:
        with self._lock:
            return datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError(f"a clock cannot be turned back: {seconds}")
        with self._lock:
            self._offset += timedelta(seconds=seconds)
