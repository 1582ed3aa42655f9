"""One service: where it stands, and its lineage over time, from its revisions alone."""

from collections.abc import Mapping

from msgspec import Struct

from transship.config import Config
from transship.console import looks
from transship.console.overview import Row, row
from transship.console.ports import Parts
from transship.lineage import Step, steps
from transship.model.candidate import read_trial
from transship.model.follow import HOLD_KEY, PIN_KEY, SKIP_KEY, follower_in
from transship.model.naming import ServiceName
from transship.model.note import Note, read_note, read_notes
from transship.model.quarantine import Bad, read_quarantine
from transship.model.service import Service
from transship.model.trial import Trial

_KEPT = 3.0


class History(Struct, frozen=True, kw_only=True):
    service: Service
    row: Row
    steps: tuple[Step, ...]
    trial: Trial | None
    hold: Note | None
    pin: Note | None
    skips: Mapping[str, Note]
    quarantine: tuple[Bad, ...]

    @property
    def is_tracked(self) -> bool:
        return self.service.tracks is not None

    @property
    def is_held(self) -> bool:
        return self.hold is not None or self.pin is not None or bool(self.skips)


def history(config: Config, parts: Parts, name: ServiceName) -> History | None:
    """None where there is no such service, or where it is not ours to show."""
    return parts.kept.get(
        ("history", str(name)), lambda: _history(config, parts, name), seconds=_KEPT
    )


def on_trial(parts: Parts, name: ServiceName, event_id: str) -> bool:
    """Whether the event has made a revision that visitors do not have yet."""
    service = parts.kept.get(
        ("service", str(name)), lambda: parts.services.get(name), seconds=_KEPT
    )
    trial = read_trial(service) if service else None
    return trial is not None and trial.undecided and trial.event_id == event_id


def forget(parts: Parts, name: ServiceName) -> None:
    parts.kept.drop(("history", str(name)))


def _history(config: Config, parts: Parts, name: ServiceName) -> History | None:
    service = parts.services.get(name)
    if service is None or not service.is_ours or service.is_function:
        return None
    annotations = service.annotations
    follower = follower_in(service)
    tracks = service.tracks
    look = looks.look(parts, tracks, since=follower.moved_at) if tracks else None
    return History(
        service=service,
        row=row(config, parts, follower, look),
        steps=steps(service, parts.lineage),
        trial=read_trial(service),
        hold=read_note(annotations, HOLD_KEY),
        pin=read_note(annotations, PIN_KEY),
        skips=read_notes(annotations, SKIP_KEY),
        quarantine=read_quarantine(annotations),
    )
