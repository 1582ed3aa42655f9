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
_OFFICIAL = "library/"


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
        versions = (self._version(package, str(image.digest)) for package in self._packages(image))
        return next((_plain(version.create_time) for version in versions if version), None)

    def tag(self, image: Reference) -> Known | None:
        """What *image*'s tag says in the mirror; None where it was never asked for."""
        known = (self._tag(package, str(image.tag)) for package in self._packages(image))
        return next((one for one in known if one), None)

    def _tag(self, package: str, tag: str) -> Known | None:
        name = f"{package}/tags/{tag}"
        with translated(f"get tag {name}", api=_API, grant=_GRANT):
            try:
                said = self._client.get_tag(name=name, timeout=_TIMEOUT)
            except exceptions.NotFound:
                return None
        digest = said.version.rpartition("/")[2]
        version = self._version(package, digest)
        if version is None:
            return None
        return Known(digest=Digest(digest), created=_plain(version.create_time))

    def _version(self, package: str, digest: str) -> Any:
        name = f"{package}/versions/{digest}"
        with translated(f"get version {name}", api=_API, grant=_GRANT):
            try:
                return self._client.get_version(name=name, timeout=_TIMEOUT)
            except exceptions.NotFound:
                return None

    def _packages(self, image: Reference) -> list[str]:
        held = self._mirrors.of(image)
        if held is None:
            raise ValueError(f"{image} is in no mirror")
        mirror, upstream = held
        parent = (
            f"projects/{mirror.project}/locations/{mirror.location}/repositories/"
            f"{mirror.repository}/packages/"
        )
        # Whether an official image is stored under its short name is not documented.
        names = dict.fromkeys((upstream.repository, upstream.repository.removeprefix(_OFFICIAL)))
        return [parent + quote(name, safe="") for name in names]


def _plain(time: datetime) -> datetime:
    """Not proto-plus's DatetimeWithNanoseconds, which msgspec does not encode."""
    return datetime.combine(time.date(), time.timetz())
