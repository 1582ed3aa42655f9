"""A dictionary that several threads share and that cannot grow for ever."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """Keeps the *limit* entries that were added last."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: dict[K, V] = {}
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        with self._lock:
            return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        with self._lock:
            self._entries.pop(key, None)
            self._entries[key] = value
            self._shrink()

    def get_or_add(self, key: K, make: Callable[[], V]) -> V:
        with self._lock:
            if key not in self._entries:
                self._entries[key] = make()
                self._shrink()
            return self._entries[key]

    def drop(self, key: K) -> None:
        with self._lock:
            self._entries.pop(key, None)

    def _shrink(self) -> None:
        while len(self._entries) > self._limit:
            del self._entries[next(iter(self._entries))]
