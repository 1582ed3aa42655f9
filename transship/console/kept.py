"""Answers that are kept for a few seconds, and asked for once however many people wait for them.

Ten people who watch cost what one costs: https://pkg.go.dev/golang.org/x/sync/singleflight, with a
time to live.
"""

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from transship.errors import ServiceUnavailable, TransshipError

T = TypeVar("T")

_LIMIT = 2_000
# Longer than any question to the cloud takes (Deadline of who asks).
_PATIENCE = 40.0


@dataclass(slots=True)
class _Entry:
    asking: threading.Lock = field(default_factory=threading.Lock)
    until: float = float("-inf")
    answer: Any = None
    error: TransshipError | None = None


class Kept:
    """Keeps the *limit* answers that were asked for last; errors of ours are answers too."""

    def __init__(self, *, limit: int = _LIMIT, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[Hashable, _Entry] = {}

    def get(self, key: Hashable, ask: Callable[[], T], *, seconds: float) -> T:
        """*ask*'s answer, at most so many *seconds* old.

        Raises what *ask* raised, and ServiceUnavailable where another's question is not answered.
        """
        entry = self._entry(key)
        if not entry.asking.acquire(timeout=_PATIENCE):
            raise ServiceUnavailable("somebody else has asked, and is not answered yet; try again")
        try:
            if entry.until <= self._clock():
                try:
                    entry.answer, entry.error = ask(), None
                except TransshipError as error:
                    entry.answer, entry.error = None, error
                entry.until = self._clock() + seconds
            answer: T = entry.answer
            if entry.error is not None:
                raise entry.error
            return answer
        finally:
            entry.asking.release()

    def drop(self, key: Hashable) -> None:
        """It has changed, and who changed it wants to see that."""
        with self._lock:
            self._entries.pop(key, None)

    def _entry(self, key: Hashable) -> _Entry:
        with self._lock:
            entry = self._entries.pop(key, None) or _Entry()
            self._entries[key] = entry
            while len(self._entries) > self._limit:
                del self._entries[next(iter(self._entries))]
            return entry
