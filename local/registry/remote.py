"""Remote and virtual repositories of Artifact Registry: what is stored, and when they ask upstream.

https://docs.cloud.google.com/artifact-registry/docs/repositories/remote-overview
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from local.clock import Clock
from local.registry.content import DigestMismatch, Store, Stored
from local.registry.distribution import INDEX_TYPES, named_by
from local.registry.upstream import Found, Upstream, UpstreamError
from local.registry.wire import error

# "List/get tags cache: 1 hour", in the table of the page above.
TAG_WINDOW = timedelta(hours=1)
LOCKS = 64

_T = TypeVar("_T")


@dataclass(slots=True, kw_only=True)
class Doubts:
    """One answer to each question that the documentation leaves open; tests try both."""

    head_fills: bool = False  # a HEAD stores what it asks about, and refreshes the tag
    index_fetches_children: bool = False  # a GET of an index stores all that it names
    digest_revalidates: bool = False  # what is stored is asked for upstream, also by digest
    stale_tag_served: bool = False  # after the window, while the upstream fails
    one_library_package: bool = False  # busybox and library/busybox share one package
    deletion_refetches: bool = True  # a deleted tag is asked for again within its window
    ignores_ranges: bool = False  # a range of a blob is answered with the whole of it
    range_fills: bool = True  # a range of a blob that is not stored stores all of it


class Repository(Protocol):
    """What the mirror's front serves from."""

    name: str

    def manifest(self, image: str, reference: str, *, head: bool) -> Stored | Found: ...

    def blob(self, image: str, digest: str, *, is_range: bool) -> Path: ...

    def tags(self, image: str) -> list[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What the upstream said a tag is, and when."""

    digest: str
    time: datetime


class Remote:
    """A remote repository: stores what it is asked for, lazily, manifest by manifest."""

    def __init__(
        self,
        name: str,
        store: Store,
        clock: Clock,
        *,
        upstream: Upstream,
        doubts: Doubts,
        on_stored: Callable[[str, str, str], None],
    ) -> None:
        self.name = name
        self.store = store
        self.upstream = upstream
        # ``noCache``: the API says so; that nothing is stored then is not implemented here.
        self.is_connector = False
        self._clock = clock
        self._doubts = doubts
        self._on_stored = on_stored  # package, digest, tag or ""
        self._seen: dict[tuple[str, str], _Seen] = {}
        # One flight for each key. A thread holds one of either kind at a time, so that two
        # keys on the same lock cannot block each other for ever.
        self._manifest_locks = [threading.Lock() for _ in range(LOCKS)]
        self._blob_locks = [threading.Lock() for _ in range(LOCKS)]

    def package(self, image: str) -> str:
        """The name under which an image is stored."""
        return image.removeprefix("library/") if self._doubts.one_library_package else image

    def manifest(self, image: str, reference: str, *, head: bool) -> Stored | Found:
        package = self.package(image)
        passes_through = head and not self._doubts.head_fills
        with self._manifest_locks[hash((package, reference)) % LOCKS]:
            if ":" in reference:
                answer = self._by_digest(package, reference, passes_through=passes_through)
            else:
                answer = self._by_tag(package, reference, passes_through=passes_through)
        if isinstance(answer, Stored) and self._doubts.index_fetches_children and not head:
            self._fetch_named(image, answer)
        return answer

    def blob(self, image: str, digest: str, *, is_range: bool) -> Path:
        """The blob's file. A HEAD stores it too: which is right is not known."""
        package = self.package(image)
        with self._blob_locks[hash((package, digest)) % LOCKS]:
            if (path := self.store.blob(package, digest)) is not None:
                return path
            try:
                chunks = self.upstream.blob(self._upstream_name(package), digest)
                self.store.add_blob(package, digest, chunks)
            except DigestMismatch as mismatch:
                raise _corrupt(str(mismatch)) from mismatch
            if is_range and not self._doubts.range_fills:
                return self.store.take_out(package, digest)
        return self.store.blob_path(digest)

    def tags(self, image: str) -> list[str]:
        """Those that are stored: the upstream is not asked for a list."""
        return sorted(self.store.tags(self.package(image)))

    def delete_tag(self, image: str, tag: str) -> bool:
        package = self.package(image)
        if self._doubts.deletion_refetches:
            self._seen.pop((package, tag), None)
        return self.store.delete_tag(package, tag)

    def delete_version(self, image: str, digest: str) -> None:
        self.store.delete_manifest(self.package(image), digest)

    def _by_digest(self, package: str, digest: str, *, passes_through: bool) -> Stored | Found:
        """Content by digest cannot age: the upstream is asked only for what is not stored."""
        if (stored := self.store.manifest(package, digest)) is not None:
            if self._doubts.digest_revalidates:
                self.upstream.head(self._upstream_name(package), digest)
            return stored
        if passes_through:
            return self.upstream.head(self._upstream_name(package), digest)
        return self._fetch(package, digest, tag="")

    def _by_tag(self, package: str, tag: str, *, passes_through: bool) -> Stored | Found:
        seen = self._seen.get((package, tag))
        stored = self.store.manifest(package, seen.digest) if seen else None
        if stored and seen and self._clock.now() < seen.time + TAG_WINDOW:
            return stored
        try:
            found = self.upstream.head(self._upstream_name(package), tag)
        except UpstreamError as problem:
            if stored and self._doubts.stale_tag_served and not problem.is_missing:
                return stored
            raise
        if passes_through:
            return found
        known = self.store.manifest(package, found.digest)
        stored = known or self._fetch(package, found.digest, tag=tag)
        if self.store.tags(package).get(tag) != stored.digest:
            self.store.set_tag(package, tag, stored.digest)
            if known:
                self._on_stored(package, stored.digest, tag)
        self._seen[package, tag] = _Seen(digest=stored.digest, time=self._clock.now())
        return stored

    def _fetch(self, package: str, digest: str, *, tag: str) -> Stored:
        media_type, content = self.upstream.manifest(self._upstream_name(package), digest)
        actual = self.store.add_manifest(package, media_type, content)
        if actual != digest:
            self.store.delete_manifest(package, actual)
            raise _corrupt(f"{actual} instead of {digest}")
        if tag:
            self.store.set_tag(package, tag, digest)
        self._on_stored(package, digest, tag)
        stored = self.store.manifest(package, digest)
        if stored is None:
            raise LookupError(f"{package}@{digest} vanished while it was stored")
        return stored

    def _fetch_named(self, image: str, stored: Stored) -> None:
        manifests, blobs = named_by(stored.media_type, stored.content)
        for digest in manifests:
            self.manifest(image, digest, head=False)
        if stored.media_type not in INDEX_TYPES:
            for digest in blobs:
                self.blob(image, digest, is_range=False)

    def _upstream_name(self, package: str) -> str:
        """Docker Hub's own images are under library/, however they were asked for."""
        official = self.upstream.registry == "registry-1.docker.io" and "/" not in package
        return f"library/{package}" if official else package


class Virtual:
    """A virtual repository: the first of its upstreams that has it, greatest priority first."""

    def __init__(
        self, name: str, priorities: Mapping[str, int], upstreams: Mapping[str, Remote]
    ) -> None:
        self.name = name
        self.priorities = dict(priorities)
        self._upstreams = [
            upstreams[name] for name in sorted(priorities, key=lambda name: -priorities[name])
        ]

    def manifest(self, image: str, reference: str, *, head: bool) -> Stored | Found:
        return self._first(lambda remote: remote.manifest(image, reference, head=head))

    def blob(self, image: str, digest: str, *, is_range: bool) -> Path:
        return self._first(lambda remote: remote.blob(image, digest, is_range=is_range))

    def tags(self, image: str) -> list[str]:
        return sorted({tag for remote in self._upstreams for tag in remote.tags(image)})

    def _first(self, ask: Callable[[Remote], _T]) -> _T:
        *others, last = self._upstreams
        for remote in others:
            try:
                return ask(remote)
            except UpstreamError as problem:
                if not problem.is_missing:
                    raise
        return ask(last)


def _corrupt(detail: str) -> UpstreamError:
    # What the service answers here is not documented; that it stores nothing false is assumed.
    return UpstreamError(error(502, "UNAVAILABLE", "Digest mismatch", detail=detail))
