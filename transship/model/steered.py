"""What the messages that steer do to a service's annotations (transship.model.steering).

Each is written on the service with who and when; none makes a revision.
"""

from datetime import datetime

from transship.errors import InvalidEvent, InvalidReference
from transship.model.candidate import turned
from transship.model.digest import Digest
from transship.model.focus import free_labels
from transship.model.follow import HOLD_KEY, PIN_KEY, SKIP_KEY, WHY_KEY, is_overridden
from transship.model.marks import Marks, is_own_label, tracking_marks
from transship.model.note import Note, read_note, read_notes, write_notes
from transship.model.record import INDEX_KEY, PREFIX, Record
from transship.model.reference import Reference
from transship.model.service import Service
from transship.model.steering import (
    ExplainRequest,
    HoldRequest,
    PinRequest,
    ReleaseRequest,
    SkipRequest,
    Steering,
    TrackRequest,
    UntrackRequest,
)

# Who asked to track the tag, and who ended holds, pins and skips last.
TRACKED_KEY = f"{PREFIX}tracked"
RELEASED_KEY = f"{PREFIX}released"

# More digests than a tag has in the time that anybody remembers having skipped one.
_SKIPPED_LIMIT = 20


def steer(
    request: Steering,
    current: Service,
    *,
    tracks: Reference | None,
    at: datetime,
    event_id: str = "",
) -> Marks:
    """What *request* changes on *current*; ``Marks()`` where it is so already.

    *tracks* is the tag of a TrackRequest, parsed. Raises InvalidEvent, which names the field.
    """
    marks = _marks(request, current, tracks=tracks, at=at)
    annotations = {
        key: value
        for key, value in marks.annotations.items()
        if current.annotations.get(key) != value
    }
    labels = {key: value for key, value in marks.labels.items() if current.labels.get(key) != value}
    waits = _is_to_wait(request, current)
    if waits is not None and not is_overtaken(request, current, at):
        annotations |= turned(current, held=waits, event_id=event_id, at=at)
    if isinstance(request, TrackRequest) and (annotations or labels):
        annotations[TRACKED_KEY] = str(_note(request, at))
    return Marks(annotations=annotations, labels=labels)


def is_overtaken(request: Steering, current: Service, at: datetime) -> bool:
    """A release that was published later has been here: messages come in any order."""
    released = read_note(current.annotations, RELEASED_KEY)
    return (
        isinstance(request, HoldRequest | PinRequest | SkipRequest | ReleaseRequest)
        and released is not None
        and at < released.at
    )


def _marks(request: Steering, current: Service, *, tracks: Reference | None, at: datetime) -> Marks:
    if isinstance(request, TrackRequest):
        return tracking_marks(tracks, free_labels(current))
    if isinstance(request, UntrackRequest):
        gone = [key for key in current.annotations if key.startswith(PREFIX)]
        labels = dict.fromkeys(filter(is_own_label, current.labels))
        return Marks(annotations=dict.fromkeys(gone), labels=labels)
    if is_overtaken(request, current, at):
        return Marks()
    return Marks(annotations=_annotations(request, current, at))


def _annotations(request: Steering, current: Service, at: datetime) -> dict[str, str | None]:
    match request:
        # Who held first stays on record; a redelivery changes nothing.
        case HoldRequest():
            return {HOLD_KEY: current.annotations.get(HOLD_KEY, str(_note(request, at)))}
        case PinRequest():
            return {PIN_KEY: current.annotations.get(PIN_KEY, str(_note(request, at)))}
        case SkipRequest():
            return {SKIP_KEY: _skipping(request, current, at)}
        case ReleaseRequest():
            return _releasing(request, current, at)
        case ExplainRequest() if current.tracks is not None:
            return {WHY_KEY: request.reason or None}
        case _:
            # Untracked meanwhile: there is nothing to explain.
            return {}


def _is_to_wait(request: Steering, current: Service) -> bool | None:
    """What *request* says of a revision on trial that has no visitors yet; None: nothing."""
    match request:
        case HoldRequest() | PinRequest():
            return True
        case SkipRequest() if _is_of(request.digest, current):
            return True
        case ReleaseRequest():
            return False
        case _:
            return None


def _is_of(digest: str, current: Service) -> bool:
    record = current.record
    return record is not None and digest in {str(record.index), str(record.child)}


def _note(request: Steering, at: datetime) -> Note:
    return Note(at=at, by=request.by, why=request.why)


def _skipping(request: SkipRequest, current: Service, at: datetime) -> str:
    try:
        skipped = Digest(request.digest).value
    except InvalidReference as error:
        raise InvalidEvent(f"{error} - at `$.digest`") from error
    skips = read_notes(current.annotations, SKIP_KEY)
    newest_last = {**skips, skipped: skips.get(skipped, _note(request, at))}
    return write_notes(dict([*newest_last.items()][-_SKIPPED_LIMIT:]))


def _releasing(request: ReleaseRequest, current: Service, at: datetime) -> dict[str, str | None]:
    """What was asked for after *at* stays: that message has overtaken this one."""
    annotations: dict[str, str | None] = {WHY_KEY: None, RELEASED_KEY: str(_note(request, at))}
    for key in (HOLD_KEY, PIN_KEY):
        note = read_note(current.annotations, key)
        if note is None or note.at <= at:
            annotations[key] = None
    skips = read_notes(current.annotations, SKIP_KEY)
    later = {digest: note for digest, note in skips.items() if note.at > at}
    annotations[SKIP_KEY] = write_notes(later) if later else None
    record = Record.read(current.annotations)
    if record is not None and is_overridden(record, current.image):
        # Forget what was deployed last: what runs now is where following starts from.
        annotations[INDEX_KEY] = None
    return annotations
