"""Events that say "this tag may have moved": parsed, and most of them ignored, before any I/O.

No hint's digest is believed. What no rule here ignores only names a tag that is worth a look.

* Artifact Registry's audit log entries, whose request URL names the tag
  (https://docs.cloud.google.com/artifact-registry/docs/audit-logging)
* messages on the registry's ``gcr`` topic
  (https://docs.cloud.google.com/artifact-registry/docs/configure-notifications)
* our own, which the webhook publishes
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Meta, Struct, field

from transship.errors import InvalidEvent, InvalidReference
from transship.model.mirror import Mirrors
from transship.model.reference import Reference, parse_reference

# An audit entry has a few KiB; Cloud Logging allows 256 KiB.
HINT_LIMIT = 512 * 1024


class Ignored(StrEnum):
    """Why a hint is none."""

    METHOD = "method"
    FAILED = "failed"
    PRINCIPAL = "principal"
    REPOSITORY = "repository"
    NO_TAG = "no_tag"
    ARTIFACT = "artifact"
    DELETED = "deleted"


class Hint(Struct, frozen=True, kw_only=True):
    """*image* is at the upstream, by tag. *at* is when it was noticed, None where nobody says."""

    image: Reference
    origin: Literal["audit", "gcr", "webhook"]
    at: datetime | None = None


# Docker's methods that name a manifest. HeadManifest is missing from Eventarc's catalogue, a log
# sink has it all the same.
_METHODS = frozenset({"Docker-GetManifest", "Docker-HeadManifest", "Docker-PutManifest"})

# Who reads manifests without that meaning anything for a tag: Cloud Run's agent while it makes a
# revision, the vulnerability scanner, builds. Artifact Registry's own agent is not among them, for
# it is unconfirmed in whose name a refresh is logged; nor is our warmer, whose pull may be the
# only trace of one.
_BYSTANDERS = (
    "@serverless-robot-prod.iam.gserviceaccount.com",
    "@container-analysis.iam.gserviceaccount.com",
    "@cloudbuild.gserviceaccount.com",
    "@gcp-sa-cloudbuild.iam.gserviceaccount.com",
)

_LOCATION = re.compile(r"/?projects/[^/]+/locations/([a-z0-9-]+)/repositories/[^/]+(?:/.*)?")
# Anchored: a prefix test on /manifests/1.2 would also take 1.25.
_MANIFEST_URL = re.compile(r"/v2/(.+)/manifests/([^/]+)")
# cosign's signatures, attestations and bills of materials, and the referrers' fallback tag
# (OCI distribution-spec, "Referrers Tag Schema").
_ARTIFACT_TAG = re.compile(r"sha256-(?:[0-9a-f]{64}|[0-9a-f]+\.[a-z]+)")

# Log entries have a zone; a time without one cannot be compared.
_Time = Annotated[datetime, Meta(tz=True)]


# One of these says that a document is a log entry.
_LOG_ENTRY = frozenset({"insertId", "logName", "protoPayload"})


class _Status(Struct):
    code: int = 0


class _Principal(Struct, rename="camel"):
    principal_email: str = ""


class _Request(Struct, rename="camel"):
    request_url: str = ""


class _Payload(Struct, rename="camel"):
    """google.cloud.audit.AuditLog; entries from a sink also carry ``@type``, Eventarc's do not."""

    method_name: str = ""
    resource_name: str = ""
    status: _Status | None = None
    authentication_info: _Principal | None = None
    request: _Request | None = None


class _LogEntry(Struct, rename="camel"):
    """google.logging.v2.LogEntry. Of an entry that was split, a part may lack the payload."""

    proto_payload: _Payload = field(default_factory=_Payload)
    timestamp: _Time | None = None


class _GcrMessage(Struct):
    action: str
    tag: str = ""


class HintMessage(Struct, frozen=True, kw_only=True, tag_field="kind", tag="hint"):
    """Ours: what the webhook publishes to the hints topic."""

    image: str
    origin: Literal["webhook"] = "webhook"


def hint_of(data: bytes, mirrors: Mirrors, ignored_principals: frozenset[str]) -> Hint | Ignored:
    """What a message of the ``hints`` or the ``gcr`` topic says.

    *ignored_principals* are our own deployer's names. Raises InvalidEvent for neither of the three.
    """
    if len(data) > HINT_LIMIT:
        raise InvalidEvent(f"the hint has {len(data)} bytes, over {HINT_LIMIT}")
    try:
        document = msgspec.json.decode(data)
        if not isinstance(document, dict):
            raise InvalidEvent("the hint is not a JSON object")
        if _LOG_ENTRY & document.keys():
            entry = msgspec.convert(document, type=_LogEntry)
            return _of_audit_entry(entry, mirrors, ignored_principals)
        if "action" in document:
            return _of_gcr_message(msgspec.convert(document, type=_GcrMessage), mirrors)
        if "kind" not in document:
            # A deploy may leave it out, and would be taken for a hint.
            raise InvalidEvent('the hint has no kind; right is "hint" - at `$.kind`')
        return _of_message(msgspec.convert(document, type=HintMessage), mirrors)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEvent(f"the hint is not one we know: {error}") from error


def _of_audit_entry(
    entry: _LogEntry, mirrors: Mirrors, ignored_principals: frozenset[str]
) -> Hint | Ignored:
    said = entry.proto_payload
    if said.method_name not in _METHODS:
        return Ignored.METHOD
    if said.status is not None and said.status.code:
        return Ignored.FAILED
    principal = said.authentication_info.principal_email if said.authentication_info else ""
    if principal in ignored_principals or principal.endswith(_BYSTANDERS):
        return Ignored.PRINCIPAL
    # An entry may be split into several; the part with the request is the one that names a tag.
    url = said.request.request_url if said.request else ""
    named = _MANIFEST_URL.fullmatch(unquote(urlsplit(url).path))
    location = _LOCATION.fullmatch(said.resource_name)
    if not named or not location or ":" in named[2]:
        return Ignored.NO_TAG
    text = f"{location[1]}-docker.pkg.dev/{named[1]}:{named[2]}"
    return _hint(text, mirrors, origin="audit", at=entry.timestamp)


def _of_gcr_message(message: _GcrMessage, mirrors: Mirrors) -> Hint | Ignored:
    if message.action != "INSERT":
        return Ignored.DELETED
    if not message.tag:
        return Ignored.NO_TAG
    return _hint(message.tag, mirrors, origin="gcr", at=None)


def _of_message(message: HintMessage, mirrors: Mirrors) -> Hint | Ignored:
    image = mirrors.upstream_of(_reference(message.image))
    return _checked(Hint(image=image, origin=message.origin))


def _hint(
    text: str, mirrors: Mirrors, *, origin: Literal["audit", "gcr"], at: datetime | None
) -> Hint | Ignored:
    # Whatever else is in the registry need not have a name that we understand.
    if not any(text.startswith(f"{mirror.prefix}/") for mirror in mirrors.mirrors):
        return Ignored.REPOSITORY
    image = mirrors.upstream_of(_reference(text))
    return _checked(Hint(image=image, origin=origin, at=at))


def _checked(hint: Hint) -> Hint | Ignored:
    if hint.image.tag is None or hint.image.digest is not None:
        return Ignored.NO_TAG
    return Ignored.ARTIFACT if _ARTIFACT_TAG.fullmatch(hint.image.tag) else hint


def _reference(text: str) -> Reference:
    try:
        return parse_reference(text)
    except InvalidReference as error:
        raise InvalidEvent(f"the hint names no image: {error}") from error
