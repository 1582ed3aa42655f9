"""Tags that a hint has named within the hour, or a look has missed: looked at on every tick.

Best effort: an instance that ends forgets them, and the tags go back to their own interval.
"""

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

from transship.model.reference import Reference

_LASTS = timedelta(hours=1)
_TAGS = 10_000


class Heat:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[Reference, datetime] = {}

    def note(self, tags: Iterable[Reference], now: datetime) -> None:
        with self._lock:
            for tag in tags:
                self._until.pop(tag, None)
                self._until[tag] = now + _LASTS
            while len(self._until) > _TAGS:
                del self._until[next(iter(self._until))]

    def hot(self, now: datetime) -> frozenset[Reference]:
        with self._lock:
            self._until = {tag: until for tag, until in self._until.items() if until > now}
            return frozenset(self._until)
