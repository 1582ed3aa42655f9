"""Messages by which people say how a service follows its tag, and what they do to its annotations.

Each is written on the service with who and when; none makes a revision.
"""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from transship.errors import InvalidEvent, InvalidReference
from transship.model.digest import Digest
from transship.model.focus import free_labels
from transship.model.follow import HOLD_KEY, PIN_KEY, SKIP_KEY, WHY_KEY, is_overridden
from transship.model.marks import Marks, is_own_label, tracking_marks
from transship.model.naming import ServiceName
from transship.model.note import Note, read_note, read_notes, write_notes
from transship.model.record import INDEX_KEY, PREFIX, Record
from transship.model.reference import Reference
from transship.model.service import Service

# Who asked to track the tag, and who ended holds, pins and skips last.
TRACKED_KEY = f"{PREFIX}tracked"
RELEASED_KEY = f"{PREFIX}released"

# More digests than a tag has in the time that anybody remembers having skipped one.
_SKIPPED_LIMIT = 20

Who = Annotated[str, Meta(max_length=200, description="who asks; kept with the request")]
Why = Annotated[str, Meta(max_length=500, description="for people; kept with the request")]

ContainerName = Annotated[
    str,
    Meta(
        max_length=40,
        pattern=r"^([a-z]([a-z0-9-]*[a-z0-9])?)?\Z",
        examples=["helper"],
        description="Which one of several; by default the one that serves requests.",
    ),
]


class Steering(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """*service* in *project* and *region*, which default as in a deploy."""

    service: str
    project: str | UnsetType = UNSET
    region: str | UnsetType = UNSET
    by: Who = ""
    why: Why = ""

    @property
    def kind(self) -> str:
        return str(self.__struct_config__.tag)


class TrackRequest(Steering, frozen=True, kw_only=True, tag="track"):
    """Follow *image*'s tag from now on; also a service that gcloud or Terraform made."""

    image: str
    container: ContainerName = ""


class UntrackRequest(Steering, frozen=True, kw_only=True, tag="untrack"):
    """Remove everything that transship wrote on the service; it goes on running."""


class HoldRequest(Steering, frozen=True, kw_only=True, tag="hold"):
    """No automatic deploys until released."""


class PinRequest(Steering, frozen=True, kw_only=True, tag="pin"):
    """Stay on the digest that runs until released."""


class SkipRequest(Steering, frozen=True, kw_only=True, tag="skip"):
    """Never deploy *digest* (what the tag means: an index's, or a single manifest's)."""

    digest: str


class ReleaseRequest(Steering, frozen=True, kw_only=True, tag="release"):
    """End hold, pin and skips, and follow again where somebody has deployed another image."""


class ExplainRequest(Steering, frozen=True, kw_only=True, tag="explain"):
    """Ours: write on the service why it does not follow; empty where it does again."""

    reason: str
    container: ContainerName = ""


class RollbackRequest(Steering, frozen=True, kw_only=True, tag="rollback"):
    """Send all visitors to *revision*, by default the last good one before what serves, and
    quarantine the digest that serves now, or that is on trial.
    """

    revision: Annotated[str, Meta(max_length=63)] = ""


class ClearRequest(Steering, frozen=True, kw_only=True, tag="clear"):
    """Forget that *digest* turned out bad here, or all that did, and try the latest again."""

    digest: Annotated[str, Meta(max_length=71)] = ""


class AdvanceRequest(Steering, frozen=True, kw_only=True, tag="advance"):
    """Ours: move on the trial that *event_id* began."""

    event_id: str


# Those that may move visitors; the others only annotate.
MOVING = (RollbackRequest, ClearRequest, AdvanceRequest)

STEERINGS: dict[str, type[Steering]] = {
    "track": TrackRequest,
    "untrack": UntrackRequest,
    "hold": HoldRequest,
    "pin": PinRequest,
    "skip": SkipRequest,
    "release": ReleaseRequest,
    "explain": ExplainRequest,
    "rollback": RollbackRequest,
    "clear": ClearRequest,
    "advance": AdvanceRequest,
}


def container_of(request: Steering) -> str:
    """Whose annotations are meant, where the message may say it."""
    return request.container if isinstance(request, TrackRequest | ExplainRequest) else ""


def place(request: Steering, *, project: str, region: str) -> ServiceName:
    """The service that is meant; *project* and *region* where the message names none."""
    return ServiceName(
        project=project if isinstance(request.project, UnsetType) else request.project,
        region=region if isinstance(request.region, UnsetType) else request.region,
        service=request.service,
    )


def steer(request: Steering, current: Service, *, tracks: Reference | None, at: datetime) -> Marks:
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
