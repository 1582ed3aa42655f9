"""Messages by which people say how a service follows its tag, and what they do to its annotations.

Each is written on the service with who and when; none makes a revision.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from transship.errors import InvalidEvent, InvalidReference
from transship.model.digest import Digest
from transship.model.follow import HOLD_KEY, PIN_KEY, SKIP_KEY, WHY_KEY
from transship.model.marks import Marks, tracking_marks
from transship.model.naming import ServiceName
from transship.model.record import PREFIX
from transship.model.reference import Reference
from transship.model.service import Service

# More digests than a tag has in the time that anybody remembers having skipped one.
_SKIPPED_LIMIT = 20

Who = Annotated[str, Meta(max_length=200, description="who asks; kept with the request")]
Why = Annotated[str, Meta(max_length=500, description="for people; kept with the request")]


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
    """End hold, pin and skips."""


class ExplainRequest(Steering, frozen=True, kw_only=True, tag="explain"):
    """Ours: write on the service why it does not follow; empty where it does again."""

    reason: str


class RollbackRequest(Steering, frozen=True, kw_only=True, tag="rollback"):
    """Send all visitors to *revision*, by default the last one witnessed healthy, and quarantine
    the digest that serves now.
    """

    revision: Annotated[str, Meta(max_length=63)] = ""


class ClearRequest(Steering, frozen=True, kw_only=True, tag="clear"):
    """Forget that *digest* turned out bad here, or all that did, and let the latest serve again."""

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
    return Marks(annotations=annotations, labels=labels)


def _marks(request: Steering, current: Service, *, tracks: Reference | None, at: datetime) -> Marks:
    if isinstance(request, TrackRequest):
        return tracking_marks(tracks, current.labels)
    if isinstance(request, UntrackRequest):
        gone = [key for key in current.annotations if key.startswith(PREFIX)]
        labels = tracking_marks(None, current.labels).labels
        return Marks(annotations=dict.fromkeys(gone), labels=labels)
    return Marks(annotations=_annotations(request, current, at))


def _annotations(request: Steering, current: Service, at: datetime) -> dict[str, str | None]:
    match request:
        # Who held first stays on record; a redelivery changes nothing.
        case HoldRequest():
            said = {HOLD_KEY: current.annotations.get(HOLD_KEY, _note(request, at))}
        case PinRequest():
            said = {PIN_KEY: current.annotations.get(PIN_KEY, _note(request, at))}
        case SkipRequest():
            said = {SKIP_KEY: _skipping(request.digest, current)}
        case ExplainRequest():
            return {WHY_KEY: request.reason or None}
        case _:
            return dict.fromkeys((HOLD_KEY, PIN_KEY, SKIP_KEY, WHY_KEY))
    return {**said}


def _note(request: Steering, at: datetime) -> str:
    said = {"by": request.by, "at": at.isoformat(), "why": request.why}
    return msgspec.json.encode({key: value for key, value in said.items() if value}).decode()


def _skipping(digest: str, current: Service) -> str:
    try:
        skipped = Digest(digest).value
    except InvalidReference as error:
        raise InvalidEvent(f"{error} - at `$.digest`") from error
    before = [one for one in current.annotations.get(SKIP_KEY, "").split() if one != skipped]
    return " ".join([*before, skipped][-_SKIPPED_LIMIT:])
