"""What a mirror holds, as the console's image picker lists it: images that were asked for before.

google.devtools.artifactregistry.v1 ListDockerImages. Importing this module loads the Google
clients.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from google.cloud import artifactregistry_v1
from msgspec import Struct

from transship.clients.google_errors import translated
from transship.errors import TransshipError
from transship.model.mirror import Mirror
from transship.model.reference import Reference, parse_reference

_API = "artifactregistry.googleapis.com"
_GRANT = "roles/artifactregistry.reader on the mirror"
_TIMEOUT = 30.0
_PAGE = 500


class Held(Struct, frozen=True, kw_only=True):
    """*image* is what the mirror's image is at the upstream, by digest."""

    image: Reference
    tags: tuple[str, ...]
    bytes: int
    media_type: str
    updated: datetime


class MirrorContents:
    def __init__(self, client: artifactregistry_v1.ArtifactRegistryClient) -> None:
        self._client = client

    def held(self, mirror: Mirror) -> Iterator[Held]:
        """Page by page, as they are taken; what names no image of *mirror* is left out."""
        parent = (
            f"projects/{mirror.project}/locations/{mirror.location}"
            f"/repositories/{mirror.repository}"
        )
        request = artifactregistry_v1.ListDockerImagesRequest(parent=parent, page_size=_PAGE)
        with translated(f"list images of {parent}", api=_API, grant=_GRANT):
            for said in self._client.list_docker_images(request, timeout=_TIMEOUT):
                if held := _held(mirror, said):
                    yield held


def _held(mirror: Mirror, said: artifactregistry_v1.DockerImage) -> Held | None:
    try:
        image = mirror.served(parse_reference(said.uri))
    except TransshipError:
        return None
    return Held(
        image=image,
        tags=tuple(said.tags),
        bytes=said.image_size_bytes,
        media_type=said.media_type,
        updated=_time(said),
    )


def _time(said: Any) -> datetime:
    """The client's times are datetimes; its annotations speak of the message beneath."""
    time: datetime = said.update_time or said.upload_time
    return time
