"""What the mirror holds, by the Artifact Registry API over gRPC: never asks the upstream.

Names of packages have their slashes escaped (``library%2Fnginx``); the generated path functions do
not do that, and over REST the escape would be escaped again
(google.cloud.artifactregistry_v1.types.Tag.name: "slashes are escaped").
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from google.api_core import exceptions
from google.cloud import artifactregistry_v1

from transship.clients.google_errors import translated
from transship.model.digest import Digest
from transship.model.mirror import Mirrors
from transship.model.reference import Reference

_API = "artifactregistry.googleapis.com"
_GRANT = "roles/artifactregistry.reader on the mirror"
_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the mirror's tag says, and since when it has that version."""

    digest: Digest
    created: datetime
    updated: datetime


class ArtifactRegistry:
    def __init__(
        self, client: artifactregistry_v1.ArtifactRegistryClient, mirrors: Mirrors
    ) -> None:
        self._client = client
        self._mirrors = mirrors

    def has(self, image: Reference) -> bool:
        """Whether the mirror has stored the digest of *image*, which names it in the mirror."""
        return self._version(image, str(image.digest)) is not None

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
        return Known(
            digest=Digest(digest), created=version.create_time, updated=version.update_time
        )

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
