"""The part of the OCI distribution API that reads: manifests by tag or digest, and blobs.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md. Every digest is checked
before it is believed, and foreign errors end here.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from transship.clients.answer import Answer
from transship.clients.blob import BlobAnswer, continues
from transship.clients.bounded import Bounded
from transship.clients.egress import Guard
from transship.clients.exchange import Exchange, Observe
from transship.clients.retries import Budget, Retries, persist
from transship.clients.tokens import Login, Tokens
from transship.clients.transport import Timeouts, Transport
from transship.deadline import Deadline
from transship.errors import DigestMismatch, InvalidManifest, InvalidReference
from transship.model.digest import Digest
from transship.model.fetched import Fetched, Head
from transship.model.manifest import ACCEPTED, Descriptor, essence
from transship.model.ranges import Part
from transship.model.ratelimit import RateLimit, parse_rate_limit
from transship.model.reference import Reference

# Registries are asked to accept manifests of up to 4 MiB, and few accept more.
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
MANIFEST_LIMIT = 4 * 1024 * 1024

# One for each registry, of which there are few.
_BUDGETS = 64

_ACCEPT = {"Accept": ", ".join(ACCEPTED)}

_PARTIAL = frozenset(
    {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}
)

T = TypeVar("T")


class _TagList(msgspec.Struct):
    # Registries that have none say null.
    tags: list[str] | None = None


class RegistryClient:
    """Speaks to all registries; safe for use by several threads, and meant to be kept.

    *logins* are by registry as references name it (``docker.io``). *google_token* gives the access
    token for Artifact Registry. *observe* is told what each answer says about the quota of a host.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        logins: Mapping[str, Login] | None = None,
        google_token: Callable[[], str] | None = None,
        observe: Observe | None = None,
        ca_file: str | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._transport = Transport(guard, timeouts=timeouts, ca_file=ca_file)
        tokens = Tokens(
            self._transport,
            logins=logins or {},
            google_token=google_token,
            now=now,
        )
        self._exchange = Exchange(self._transport, tokens, observe=observe, now=now)
        self._retries = retries or Retries()
        self._budgets: Bounded[str, Budget] = Bounded(_BUDGETS)
        self._now = now

    def head(self, reference: Reference, *, deadline: Deadline) -> Head:
        """What *reference* means now. Costs none of Docker Hub's quota."""

        def look() -> tuple[str, Digest | None, RateLimit | None]:
            path = f"manifests/{reference.identifier}"
            with self._exchange.ask("HEAD", reference, path, _ACCEPT, deadline) as answer:
                media_type = essence(answer.headers.get("content-type", ""))
                answer.discard()
                return media_type, _stated(answer, reference), parse_rate_limit(answer.headers)

        media_type, digest, rate_limit = self._persist(look, reference, deadline)
        if media_type not in ACCEPTED:
            raise InvalidManifest(
                f"{reference}: the registry serves {media_type[:100]!r}; right is one of"
                f" {', '.join(ACCEPTED)}"
            )
        if digest is None:
            # Registries before version 1.1 of the specification may leave it out.
            fetched = self.get_manifest(reference, deadline=deadline)
            return Head(
                digest=fetched.digest, media_type=fetched.media_type, rate_limit=fetched.rate_limit
            )
        _compare(reference, digest, reference.digest)
        return Head(digest=digest, media_type=media_type, rate_limit=rate_limit)

    def get_manifest(self, reference: Reference, *, deadline: Deadline) -> Fetched:
        """The manifest of up to 4 MiB. Its digest is *reference*'s, where that has one."""

        def fetch() -> Fetched:
            path = f"manifests/{reference.identifier}"
            with self._exchange.ask("GET", reference, path, _ACCEPT, deadline) as answer:
                content = answer.document(MANIFEST_LIMIT)
                digest = Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")
                _compare(reference, digest, _stated(answer, reference))
                _compare(reference, digest, reference.digest)
                return Fetched(
                    content=content,
                    media_type=essence(answer.headers.get("content-type", "")),
                    digest=digest,
                    rate_limit=parse_rate_limit(answer.headers),
                )

        return self._persist(fetch, reference, deadline)

    def tags(
        self, reference: Reference, *, after: str, limit: int, deadline: Deadline
    ) -> list[str]:
        """Up to *limit* tags of *reference*'s repository that sort behind *after*; free of quota.

        A registry may give fewer at a time than it is asked for: an empty list is the end.
        """

        def look() -> list[str]:
            query = urlencode({"n": limit, **({"last": after} if after else {})})
            with self._exchange.ask("GET", reference, f"tags/list?{query}", {}, deadline) as answer:
                content = answer.document(MANIFEST_LIMIT)
            try:
                return msgspec.json.decode(content, type=_TagList).tags or []
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise InvalidManifest(f"{reference.name}: not a list of tags: {error}") from error

        return self._persist(look, reference, deadline)

    def open_blob(
        self, reference: Reference, blob: Descriptor, *, offset: int, deadline: Deadline
    ) -> BlobAnswer:
        """*blob* of *reference*'s repository, from *offset* on or, if that cannot be, from 0.

        The registry is asked each time, and never an address it redirected to: those expire.
        """

        def begin() -> BlobAnswer:
            path = f"blobs/{blob.digest}"
            if offset:
                part = {"Range": f"bytes={offset}-"}
                answer = self._exchange.ask("GET", reference, path, part, deadline, accept=_PARTIAL)
                if answer.status == HTTPStatus.OK:
                    return BlobAnswer(answer, part=whole, blob=blob)
                content_range = answer.headers.get("content-range", "")
                if answer.status == HTTPStatus.PARTIAL_CONTENT and continues(
                    content_range, start=offset, size=blob.size
                ):
                    rest = Part(start=offset, end=blob.size)
                    return BlobAnswer(answer, part=rest, blob=blob)
                answer.close()
            return BlobAnswer(
                self._exchange.ask("GET", reference, path, {}, deadline), part=whole, blob=blob
            )

        whole = Part(start=0, end=blob.size)
        return self._persist(begin, reference, deadline)

    def open_part(
        self, reference: Reference, blob: Descriptor, part: Part, *, deadline: Deadline
    ) -> BlobAnswer | None:
        """*part* of *blob*; None where anything else is answered."""

        def begin() -> BlobAnswer | None:
            path, wanted = f"blobs/{blob.digest}", {"Range": part.header}
            answer = self._exchange.ask("GET", reference, path, wanted, deadline, accept=_PARTIAL)
            content_range = answer.headers.get("content-range", "")
            if answer.status == HTTPStatus.PARTIAL_CONTENT and part.is_stated(
                content_range, total=blob.size
            ):
                return BlobAnswer(answer, part=part, blob=blob)
            answer.close()
            return None

        return self._persist(begin, reference, deadline)

    def close(self) -> None:
        self._transport.close()

    def _persist(self, ask: Callable[[], T], reference: Reference, deadline: Deadline) -> T:
        budget = self._budgets.get_or_add(reference.registry, Budget)
        return persist(ask, retries=self._retries, budget=budget, deadline=deadline, now=self._now)


def _stated(answer: Answer, reference: Reference) -> Digest | None:
    text = answer.headers.get("docker-content-digest")
    try:
        return None if text is None else Digest(text.strip())
    except InvalidReference as error:
        raise DigestMismatch(f"{reference}: Docker-Content-Digest: {error}") from error


def _compare(reference: Reference, found: Digest, claimed: Digest | None) -> None:
    if claimed is not None and claimed != found:
        raise DigestMismatch(f"{reference}: the manifest is {found}; right is {claimed}")
