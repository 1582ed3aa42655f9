"""One service: where it stands, and its lineage over time, from its revisions alone."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from transship.config import Config
from transship.console import looks
from transship.console.overview import Row, row
from transship.console.ports import Made, Parts
from transship.console.states import Mood, Sign
from transship.errors import InvalidReference
from transship.model.candidate import read_trial
from transship.model.digest import Digest
from transship.model.follow import HOLD_KEY, PIN_KEY, SKIP_KEY, follower_of
from transship.model.naming import ServiceName
from transship.model.note import Note, read_note, read_notes
from transship.model.quarantine import Bad, read_quarantine
from transship.model.record import Record
from transship.model.reference import Reference, parse_reference
from transship.model.service import Service, State
from transship.model.trial import Trial
from transship.model.witnessed import WITNESSED_KEY

REVISIONS = 30
_KEPT = 3.0


class Step(Struct, frozen=True, kw_only=True):
    """A revision. *percent* is its share of the visitors, *urls* those of its revision tags."""

    name: str
    created: datetime
    image: Reference | None
    record: Record | None
    sign: Sign
    evidence: str
    percent: int
    urls: Mapping[str, str]
    log_uri: str
    is_ready: bool
    bad: Bad | None

    @property
    def child(self) -> Digest | None:
        return self.image.digest if self.image else None


class History(Struct, frozen=True, kw_only=True):
    service: Service
    row: Row
    steps: tuple[Step, ...]
    trial: Trial | None
    hold: Note | None
    pin: Note | None
    skips: Mapping[str, Note]
    quarantine: tuple[Bad, ...]
    witnessed: str

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


def forget(parts: Parts, name: ServiceName) -> None:
    parts.kept.drop(("history", str(name)))


def _history(config: Config, parts: Parts, name: ServiceName) -> History | None:
    service = parts.services.get(name)
    if service is None or not service.is_ours or service.is_function:
        return None
    annotations = service.annotations
    follower = follower_of(
        name,
        annotations=annotations,
        image=service.image,
        failed=service.condition.state is State.FAILED
        and service.latest_created != service.latest_ready,
        pinned_traffic=service.is_pinned,
    )
    tracks = service.tracks
    look = looks.look(parts, tracks, since=follower.moved_at) if tracks else None
    bad = read_quarantine(annotations)
    witnessed = annotations.get(WITNESSED_KEY, "")
    return History(
        service=service,
        row=row(config, parts, follower, look),
        steps=tuple(
            _step(made, service, bad, witnessed) for made in parts.lineage.of(name, limit=REVISIONS)
        ),
        trial=read_trial(service),
        hold=read_note(annotations, HOLD_KEY),
        pin=read_note(annotations, PIN_KEY),
        skips=read_notes(annotations, SKIP_KEY),
        quarantine=bad,
        witnessed=witnessed,
    )


def _step(made: Made, service: Service, bad: tuple[Bad, ...], witnessed: str) -> Step:
    revision = made.revision
    shares = [
        share
        for share in service.traffic
        if (share.revision or service.latest_ready) == revision.name
    ]
    found = next((each for each in bad if each.revision == revision.name), None)
    is_ready = revision.condition.state is State.READY
    percent = sum(share.percent for share in shares)
    return Step(
        name=revision.name,
        created=made.created,
        image=_image(made.image),
        record=revision.record,
        sign=_sign(
            revision.condition.state, found, percent, is_witnessed=revision.name == witnessed
        ),
        evidence=found.evidence if found else "" if is_ready else revision.condition.message,
        percent=percent,
        urls={share.tag: share.uri for share in shares if share.tag and share.uri},
        log_uri=revision.log_uri,
        is_ready=is_ready,
        bad=found,
    )


def _sign(state: State, bad: Bad | None, percent: int, *, is_witnessed: bool) -> Sign:
    if bad is not None:
        return Sign(mood=Mood.BAD, text=bad.reason.replace("_", " "))
    if state is State.FAILED:
        return Sign(mood=Mood.BAD, text="never ready")
    if percent:
        return Sign(mood=Mood.GOOD, text="serves")
    if state is State.READY:
        return Sign(mood=Mood.UNKNOWN, text="witnessed healthy" if is_witnessed else "retired")
    return Sign(mood=Mood.MOVING, text="starting")


def _image(text: str) -> Reference | None:
    try:
        return parse_reference(text)
    except InvalidReference:
        return None
