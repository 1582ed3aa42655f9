"""What a registry's refusal means, by status first and by the code in its body second.

The distribution specification, "Error Codes"; for a remote repository's answers
https://cloud.google.com/artifact-registry/docs/repositories/troubleshoot-remote.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import msgspec

from transship.errors import (
    AccessDenied,
    ImageNotFound,
    InvalidManifest,
    InvalidReference,
    RateLimited,
    RegistryUnavailable,
    TransshipError,
)

_TEXT_LIMIT = 300
_LONGEST_WAIT = timedelta(days=1)
# Artifact Registry's 429 names no time; its documentation says to wait a minute.
_MIRROR_WAIT = timedelta(minutes=1)
_ROBOTS = "robots.txt"
_QUERY = re.compile(r"\?\S+")

_GRANT = (
    " (grant roles/artifactregistry.reader on the repository; where that is granted, the repository"
    " does not exist, or its perimeter denies the upstream: see `gcloud artifacts vpcsc-config`)"
)
_KINDS: Mapping[int, type[TransshipError]] = {
    HTTPStatus.BAD_REQUEST: InvalidReference,
    HTTPStatus.NOT_FOUND: ImageNotFound,
    HTTPStatus.NOT_ACCEPTABLE: InvalidManifest,
    HTTPStatus.REQUEST_TIMEOUT: RegistryUnavailable,
    HTTPStatus.GONE: ImageNotFound,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: InvalidManifest,
}


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Errors(msgspec.Struct):
    errors: list[_Error] = []


def failure(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    host: str,
    source: str,
    what: str,
    now: datetime,
) -> TransshipError:
    """The error for an answer of *host*, which was asked for *what*.

    A limit is *source*'s: the registry as references name it, whoever answered for it.
    """
    code, text = _read(body)
    said = (
        f"{what}: {host} answers {status}{f' {code}' if code else ''}{f': {text}' if text else ''}"
    )
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        retry_at = _retry_at(headers.get("retry-after", ""), now)
        if is_artifact_registry(host):
            said += (
                " (the limit of its upstream, as Docker Hub's, or its own: it does not say which)"
            )
            retry_at = retry_at or now + _MIRROR_WAIT
        return RateLimited(said, source=source, retry_at=retry_at)
    if status == HTTPStatus.BAD_GATEWAY and _ROBOTS in text:
        # The one refusal that has neither a status nor a code of its own.
        return AccessDenied(f"{said} (the upstream forbids the mirror)")
    if status == HTTPStatus.FORBIDDEN and is_artifact_registry(host):
        return AccessDenied(said + _GRANT)
    if status == HTTPStatus.UNAUTHORIZED:
        # Docker Hub says so of a repository that does not exist, too.
        return AccessDenied(f"{said} (the repository is private, or does not exist)")
    return _kind(status)(said)


def is_artifact_registry(host: str) -> bool:
    return host.endswith(".pkg.dev")


def _kind(status: int) -> type[TransshipError]:
    is_refusal = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return _KINDS.get(status, AccessDenied if is_refusal else RegistryUnavailable)


def _read(body: bytes) -> tuple[str, str]:
    """Code and message of the first error; of a body in another form, its beginning."""
    try:
        errors = msgspec.json.decode(body, type=_Errors).errors
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", _plain(body.decode(errors="replace"))
    return (_plain(errors[0].code), _plain(errors[0].message)) if errors else ("", "")


def _plain(text: str) -> str:
    """One line that can be logged: without queries, which in addresses may be signatures."""
    printable = "".join(c if c.isprintable() else " " for c in text[: 4 * _TEXT_LIMIT])
    return _QUERY.sub("?", " ".join(printable.split()))[:_TEXT_LIMIT]


def _retry_at(value: str, now: datetime) -> datetime | None:
    """RFC 9110, section 10.2.3: seconds or a date. Anything else says nothing."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return now + min(timedelta(seconds=int(value[:9])), _LONGEST_WAIT)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:  # "-0000": UTC, of a server that does not know its zone
        date = date.replace(tzinfo=UTC)
    return max(now, min(date, now + _LONGEST_WAIT))
