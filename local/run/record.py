"""A service as the platform remembers it: its revisions, where its traffic goes, and its writes."""

import base64
import threading
from dataclasses import dataclass, field
from typing import Any

from local.run import names
from local.run.revision import Revision
from local.run.traffic import Route


@dataclass(kw_only=True, slots=True, eq=False)
class Record:
    """A service, and what the platform remembers about it."""

    parent: names.Parent
    service_id: str
    message: Any
    revisions: dict[str, Revision] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    # The generation that made the routes.
    routed: int = 0
    writes: int = 0
    cut: int = 0
    deleting: bool = False
    # One reconciliation at a time.
    working: threading.Lock = field(default_factory=threading.Lock)

    def stamp(self) -> None:
        """Every write makes another etag, those of the platform included."""
        self.writes += 1
        mark = f"{self.message.uid}/{self.writes}".encode()
        self.message.etag = f'"{base64.b64encode(mark).decode()}"'

    @property
    def latest_created(self) -> Revision:
        return self.revisions[names.short(self.message.latest_created_revision)]

    def spare(self, limit: int) -> list[Revision]:
        """The oldest revisions beyond *limit* that serve nothing."""
        message = self.message
        routed = {route.revision for route in self.routes}
        routed |= {target.revision for target in message.traffic}
        kept = (message.latest_created_revision, message.latest_ready_revision)
        spare = [
            revision
            for name, revision in self.revisions.items()
            if name not in routed and revision.message.name not in kept
        ]
        return spare[: max(len(self.revisions) - limit, 0)]

    def remove(self, revision: Revision) -> None:
        """What was the latest is then the latest of the others."""
        del self.revisions[revision.name]
        message = self.message
        newest_first = sorted(self.revisions.values(), key=lambda other: -other.number)
        ready = [other.message.name for other in newest_first if other.ready]
        if message.latest_created_revision == revision.message.name:
            message.latest_created_revision = newest_first[0].message.name
        if message.latest_ready_revision == revision.message.name:
            message.latest_ready_revision = ready[0] if ready else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """An accepted change: *record* is to reach *generation*, and *revision* was cut for it."""

    record: Record
    generation: int
    revision: Revision | None
