"""The moment by which an operation must have ended, however many waits it is made of."""

import time
from collections.abc import Callable
from typing import Self

from msgspec import Struct


class Deadline(Struct, frozen=True, kw_only=True):
    """A point on *clock*, which only moves forward: a wall clock may be set back."""

    at: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> Self:
        return cls(at=clock() + seconds, clock=clock)

    def within(self, seconds: float) -> Self:
        """The sooner of this deadline and *seconds* from now: for a step that has another way."""
        return type(self)(at=min(self.at, self.clock() + seconds), clock=self.clock)

    def remaining(self) -> float:
        """Seconds left, never below zero, so that it can be given to a wait as it is."""
        return max(0.0, self.at - self.clock())

    @property
    def passed(self) -> bool:
        return self.clock() >= self.at
