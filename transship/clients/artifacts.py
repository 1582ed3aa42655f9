"""What the mirror holds, by the Artifact Registry API over gRPC: never asks the upstream.

Names of packages have their slashes escaped (``library%2Fnginx``); the generated path functions do
not do that, and over REST the escape would be escaped again
(google.cloud.artifactregistry_v1.types.Tag.name: "slashes are escaped").
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from google.api_core import exceptions
from google.cloud import artifactregistry_v1

from transship.clients.google_errors import translated
from transship.model.digest import Digest
from transship.model.fetched import Known
from transship.model.mirror import Mirror, Mirrors
from transship.model.reference import Reference

_API = "artifactregistry.googleapis.com"
_GRANT = "roles/artifactregistry.reader on the mirror"
_TIMEOUT = 10.0


class ArtifactRegistry:
    """*keeps* is told by another face of the API (clients/remote.py)."""

    def __init__(
        self,
        client: artifactregistry_v1.ArtifactRegistryClient,
        mirrors: Mirrors,
        *,
        keeps: Callable[[Mirror], bool],
    ) -> None:
        self._client = client
        self._mirrors = mirrors
        self.keeps = keeps

    def held_since(self, image: Reference) -> datetime | None:
        """When the mirror stored the digest of *image*, which names it in the mirror."""
        version = self._version(image, str(image.digest))
        return None if version is None else _plain(version.create_time)

    def tag(self, image: Reference) -> Known | None:
        """What *image*'s tag says in the mirror; None where it was never asked for."""
        name = f"{self._package(image)}/tags/{image.tag}"
        with translated(f"get tag {name}", api=_API, grant=_GRANT):
            try:
                tag = self._client.get_tag(name=name, timeout=_TIMEOUT)
            except exceptions.NotFound:
                return None
        digest = tag.version.rpartition("/")[2]
        version = self._version(image, digest)
        if version is None:
            return None
        return Known(digest=Digest(digest), created=_plain(version.create_time))

    def _version(self, image: Reference, digest: str) -> Any:
        name = f"{self._package(image)}/versions/{digest}"
        with translated(f"get version {name}", api=_API, grant=_GRANT):
            try:
                return self._client.get_version(name=name, timeout=_TIMEOUT)
            except exceptions.NotFound:
                return None

    def _package(self, image: Reference) -> str:
        held = self._mirrors.of(image)
        if held is None:
            raise ValueError(f"{image} is in no mirror")
        mirror, upstream = held
        return (
            f"projects/{mirror.project}/locations/{mirror.location}/repositories/"
            f"{mirror.repository}/packages/{quote(upstream.repository, safe='')}"
        )


def _plain(time: datetime) -> datetime:
    """Not proto-plus's DatetimeWithNanoseconds, which msgspec does not encode."""
    return datetime.combine(time.date(), time.timetz())
