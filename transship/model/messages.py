"""The messages that people and programs publish, a tagged union on ``kind``.

The fields of a deploy have the names of ``gcloud run deploy``'s flags (transship.model.run_flags),
and some of our own. docs/messages.schema.json is generated from here.
"""

import inspect
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from transship.model.gate import Gate
from transship.model.run_flags import RunFlags
from transship.model.steering import (
    STEERINGS,
    AdvanceRequest,
    ClearRequest,
    ContainerName,
    ExplainRequest,
    HoldRequest,
    PinRequest,
    ReleaseRequest,
    RollbackRequest,
    SkipRequest,
    TrackRequest,
    UntrackRequest,
)
from transship.model.wire import decode


class OnlyIf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must still be so when an automatic deploy is applied: what it was decided from."""

    tracks: Annotated[str, Meta(description="the reference that the service tracks")]
    runs: Annotated[str, Meta(description="the digest that it runs; empty where none is known")]


class DeployRequest(
    RunFlags, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="deploy"
):
    """Make a service run an image.

    What is absent is left as it is on an existing service, and has transship's default on a new
    one; ``null`` is not absent and is refused.
    """

    strategy: (
        Annotated[
            Literal["immediate", "candidate"],
            Meta(description="How visitors get it: at once, or after a trial."),
        ]
        | UnsetType
    ) = UNSET
    container: ContainerName = ""
    probe: Annotated[Gate, Meta(description="What a trial asks of it, over HTTP.")] | UnsetType = (
        UNSET
    )

    track: Annotated[bool, Meta(description="Follow the image's tag from now on.")] = True
    adopt: Annotated[
        bool, Meta(description="Take over a service that was made by other means.")
    ] = False
    dry_run: Annotated[bool, Meta(description="Say what would be done, and do nothing.")] = False
    progress: Annotated[
        bool, Meta(description="Publish how far it is, where there is a topic for that.")
    ] = False
    only_if: OnlyIf | UnsetType = UNSET
    requested_at: Annotated[datetime, Meta(tz=True)] | UnsetType = UNSET


Message = (
    DeployRequest
    | TrackRequest
    | UntrackRequest
    | HoldRequest
    | PinRequest
    | SkipRequest
    | ReleaseRequest
    | ExplainRequest
    | RollbackRequest
    | ClearRequest
    | AdvanceRequest
)

KINDS: dict[str, type[Struct]] = {"deploy": DeployRequest, **STEERINGS}


def decode_message(data: bytes) -> Message:
    """The message in *data*, UTF-8 JSON; ``kind`` is ``deploy`` where it is absent.

    Raises InvalidEvent, which names the field and what would be right.

    >>> decode_message(b'{"image": "nginx"}').image
    'nginx'
    >>> decode_message(b'{"image": 5}')
    Traceback (most recent call last):
    transship.errors.InvalidEvent: Expected `str`, got `int` - at `$.image`
    """
    message: Message = decode(data, KINDS, default="deploy", example='{"image": "nginx:1.27"}')
    return message


def json_schema() -> dict[str, Any]:
    """The JSON Schema of Message, for editors and CI."""
    schema = msgspec.json.encode(msgspec.json.schema(Message))
    # Python's `$` lets a trailing newline through and JSON Schema's does not know `\\Z`.
    document: dict[str, Any] = msgspec.json.decode(schema.replace(b"\\\\Z", b"$"))
    kinds = document["$defs"]
    # What names no kind is a deploy.
    kinds["DeployRequest"]["required"].remove("kind")
    for kind in kinds.values():
        kind["description"] = inspect.cleandoc(kind.get("description", ""))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A message to transship",
        **document,
    }
