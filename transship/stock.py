"""What the mirror holds, as Artifact Registry lists it: the upstream is not asked."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from transship.model.fetched import Known
from transship.model.mirror import Mirror
from transship.model.reference import Reference


class Stock(Protocol):
    def held_since(self, image: Reference) -> datetime | None:
        """When the mirror stored the digest of *image*, which names it in the mirror."""

    def tag(self, image: Reference) -> Known | None:
        """What *image*'s tag says in the mirror; None where it was never asked for."""

    def keeps(self, mirror: Mirror) -> bool:
        """Whether *mirror* stores what passes through it."""


class LateStock:
    """One that is made when it is first asked: its client is slow to load, and seldom needed."""

    def __init__(self, make: Callable[[], Stock]) -> None:
        self._make = make

    def held_since(self, image: Reference) -> datetime | None:
        return self._make().held_since(image)

    def tag(self, image: Reference) -> Known | None:
        return self._make().tag(image)

    def keeps(self, mirror: Mirror) -> bool:
        return self._make().keeps(mirror)
