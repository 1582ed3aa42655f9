"""An end to waits that would have none: one thread for all of them, asleep until the first is due.

A timer's thread for each wait costs 0.3 ms, more than a small request itself (docs/adr/0014).
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True, kw_only=True, eq=False)
class Wait:
    """*end* is called at *until*, in another thread, unless the wait is over by then."""

    until: float
    end: Callable[[], None]
    has_expired: bool = False


class Watch:
    """Safe for use by several threads. Its own thread ends where nobody waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waits: set[Wait] = set()
        self._wakes_at = math.inf
        self._is_awake = False

    @contextmanager
    def within(self, seconds: float, end: Callable[[], None]) -> Iterator[Wait]:
        """*end* is quick, and is never called after the block has been left."""
        wait = Wait(until=time.monotonic() + seconds, end=end)
        with self._changed:
            self._waits.add(wait)
            if wait.until < self._wakes_at:
                self._wake(wait.until)
        try:
            yield wait
        finally:
            with self._changed:
                self._waits.discard(wait)

    def _wake(self, at: float) -> None:
        self._wakes_at = at
        if self._is_awake:
            self._changed.notify()
            return
        self._is_awake = True
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def _run(self) -> None:
        with self._changed:
            while self._waits:
                for wait in [wait for wait in self._waits if wait.until <= time.monotonic()]:
                    self._waits.discard(wait)
                    wait.has_expired = True
                    wait.end()
                self._wakes_at = min((wait.until for wait in self._waits), default=math.inf)
                if self._waits:
                    self._changed.wait(max(0.0, self._wakes_at - time.monotonic()))
            self._wakes_at, self._is_awake = math.inf, False
