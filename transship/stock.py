"""What the mirror holds, as Artifact Registry lists it: the upstream is not asked."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog

from transship.errors import TransshipError
from transship.model.fetched import Known
from transship.model.mirror import Mirror
from transship.model.ranges import is_long_held
from transship.model.reference import Reference

log = structlog.get_logger()


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


class LongHeld:
    """Whether the mirror has had an image for long; what is not clear means no."""

    def __init__(self, stock: Stock, now: Callable[[], datetime]) -> None:
        self._stock = stock
        self._now = now

    def __call__(self, image: Reference) -> bool:
        try:
            since = self._stock.held_since(image)
        except TransshipError as error:
            log.info("mirror's stock not read", image=str(image), error=str(error))
            return False
        return is_long_held(since, self._now())
