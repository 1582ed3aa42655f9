"""Copies of one message that an instance has at the same time, one after the other.

Pub/Sub delivers at least once, and may do so at once. The etag lets one copy write whatever the
instances do; within one, the others wait, and find it done without having tried.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from transship.deadline import Deadline
from transship.errors import DeployPending


@dataclass(slots=True)
class _Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    takers: int = 0


class Turns:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[str, _Turn] = {}

    @contextmanager
    def of(self, event_id: str, *, deadline: Deadline) -> Iterator[None]:
        """Wait for whoever has this event's turn. Raises DeployPending at *deadline*."""
        with self._lock:
            turn = self._turns.setdefault(event_id, _Turn())
            turn.takers += 1
        try:
            if not turn.lock.acquire(timeout=deadline.remaining()):
                raise DeployPending(f"another copy of {event_id} is not done")
            try:
                yield
            finally:
                turn.lock.release()
        finally:
            with self._lock:
                turn.takers -= 1
                if not turn.takers:
                    del self._turns[event_id]
