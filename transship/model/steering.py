"""Messages by which people say how a service follows its tag."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from transship.model.naming import ServiceName

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
    """No automatic deploys until released; what is on trial waits."""


class PinRequest(Steering, frozen=True, kw_only=True, tag="pin"):
    """Stay on the digest that visitors get until released; what is on trial waits."""


class SkipRequest(Steering, frozen=True, kw_only=True, tag="skip"):
    """Never deploy *digest* (what the tag means: an index's, or a single manifest's); where it is
    on trial, it waits.
    """

    digest: str


class ReleaseRequest(Steering, frozen=True, kw_only=True, tag="release"):
    """End hold, pin and skips, and follow again where somebody has deployed another image; what
    was on trial is so again.
    """


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
