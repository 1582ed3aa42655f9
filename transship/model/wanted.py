"""The state that a deploy request asks for, and what is known of its image."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from transship.model.candidate import STRATEGY_KEY
from transship.model.digest import Digest
from transship.model.focus import needed_beside
from transship.model.follow import AUTOMATIC_KEY, HOUR, WHY_KEY, automatic_times
from transship.model.gate import PROBE_KEY, Gate
from transship.model.marks import NO_MARKS, Marks, merged, tracking_marks
from transship.model.merging import merged_settings
from transship.model.naming import ServiceName
from transship.model.reason import Reason
from transship.model.record import Proof, Record
from transship.model.reference import Reference
from transship.model.request import Deploy
from transship.model.service import Service
from transship.model.settings import Settings
from transship.model.traffic import Share

# Cloud Run gives a container this port to listen on when nobody says otherwise.
# https://cloud.google.com/run/docs/container-contract#port
DEFAULT_PORT = 8080


class Wanted(Struct, frozen=True, kw_only=True):
    """The state that a request asks for; *image* is pinned to the child and in the mirror."""

    service: ServiceName
    image: Reference
    settings: Settings
    record: Record
    tracks: Reference | None
    automatic: tuple[datetime, ...] = ()
    strategy: str | None = None
    gate: Gate | None = None
    container: str = ""
    # The labels of the containers beside it.
    needed: frozenset[str] = frozenset()
    # How it starts, where it does not get all visitors at once.
    revision: str = ""
    traffic: tuple[Share, ...] | None = None
    also: Marks = NO_MARKS

    def marks(self, labels: Iterable[str]) -> Marks:
        """For a service that has *labels*."""
        marks = tracking_marks(self.tracks, [key for key in labels if key not in self.needed])
        times = " ".join(time.isoformat() for time in self.automatic)
        annotations = {
            **self.record.annotations(),
            **marks.annotations,
            AUTOMATIC_KEY: times or None,
            # It follows again.
            WHY_KEY: None,
        }
        return merged(replace(marks, annotations=annotations), self.ways(), self.also)

    def ways(self) -> Marks:
        """How its next images get their visitors, where the request names it."""
        ways: dict[str, str | None] = {}
        if self.strategy is not None:
            ways[STRATEGY_KEY] = self.strategy
        if self.gate is not None:
            ways[PROBE_KEY] = msgspec.json.encode(self.gate).decode()
        return Marks(annotations=ways)


class Found(Struct, frozen=True, kw_only=True):
    """What an image turned out to be: proved by a pull, or recorded when it was pulled before."""

    index: Digest | None
    child: Digest
    resolved_by: str
    exposed_ports: tuple[int, ...] = ()
    proof: Proof


def recorded(resolved: Digest, resolved_by: str, current: Service | None) -> Found:
    """What is known of *resolved* without a pull; its child where it was deployed before."""
    record = current.record if current else None
    if record is not None and resolved in (record.index, record.child):
        return Found(
            index=record.index, child=record.child, resolved_by=resolved_by, proof=record.pulled
        )
    nothing = Proof(blobs=0, bytes=0, seconds=0.0)
    return Found(index=None, child=resolved, resolved_by=resolved_by, proof=nothing)


def want(deploy: Deploy, found: Found, mirrored: Reference, current: Service | None) -> Wanted:
    """*mirrored* is the image in the mirror, by tag."""
    named = named_settings(deploy, current)
    settings = named if current else named.over(new_service(deploy, found.exposed_ports))
    return Wanted(
        service=deploy.service,
        image=mirrored.pin(found.child),
        settings=settings,
        record=Record(
            image=deploy.image,
            index=found.index,
            child=found.child,
            cause=deploy.event_id,
            requested_at=deploy.requested_at,
            asked_for=named.fingerprint(),
            resolved_by=found.resolved_by,
            pulled=found.proof,
            previous=_previous(found.child, current),
        ),
        # Only a tag moves.
        tracks=deploy.image.unpinned() if deploy.track and deploy.image.tag else None,
        automatic=_automatic(deploy, current),
        strategy=deploy.strategy,
        gate=deploy.gate,
        container=current.container if current else "",
        needed=needed_beside(current.annotations, current.container) if current else frozenset(),
    )


def _previous(child: Digest, current: Service | None) -> Digest | None:
    """What *current* was asked to run before *child*."""
    if current is None or current.image is None:
        return None
    if current.image.digest != child:
        return current.image.digest
    return current.record.previous if current.record else None


def _automatic(deploy: Deploy, current: Service | None) -> tuple[datetime, ...]:
    """The automatic deploys that a limit by the hour has to know, this one included."""
    before = automatic_times(current.annotations) if current else ()
    this = () if deploy.only_if is None else (deploy.requested_at,)
    return tuple(time for time in (*before, *this) if time > deploy.requested_at - HOUR)


def named_settings(deploy: Deploy, current: Service | None) -> Settings:
    """What *deploy* names, merged with what *current* has where merging was asked for."""
    return merged_settings(deploy, current.settings if current else Settings())


def new_service(deploy: Deploy, exposed_ports: tuple[int, ...]) -> Settings:
    """What a new service has where *deploy* names nothing."""
    port = exposed_ports[0] if len(exposed_ports) == 1 else DEFAULT_PORT
    return replace(deploy.defaults, port=port)


def because(wanted: Wanted, reason: Reason) -> Wanted:
    """Recorded, so that a redelivery can publish the same outcome again."""
    return replace(wanted, record=replace(wanted.record, reason=reason.value))
