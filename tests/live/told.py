"""A service on Cloud Run that does as it is told: an upstream, and a listener to pushes.

Being told is a new revision, so that nothing of it can be asked by anybody else.
"""

import base64
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from local.manifests import Image
from tests.live.google import ApiRefused
from tests.live.world import Cloud

RUN = "https://run.googleapis.com/v2"
# Public, with nothing but Python; Cloud Run pulls it from Docker Hub by itself.
_IMAGE = "docker.io/library/python:3.12-alpine"
_SOURCE = (Path(__file__).parent / "told_registry.py").read_text()

Entries = Callable[[str, datetime, datetime], list[dict[str, Any]]]


def told(tags: Mapping[str, Image] | None = None, *, status: int = 200, delay: float = 0.0) -> str:
    """The TOLD of told_registry.py."""
    content: dict[str, tuple[str, str]] = {}
    for image in {each.digest: each for each in (tags or {}).values()}.values():
        for manifest in image.manifests():
            content[manifest.digest] = (manifest.media_type, _base64(manifest.content))
        for blob in image.blobs():
            octets = _base64(b"".join(blob.chunks()))
            content[blob.digest] = ("application/octet-stream", octets)
    document = {
        "status": status,
        "delay": delay,
        "tags": {tag: image.digest for tag, image in (tags or {}).items()},
        "content": content,
    }
    return _base64(zlib.compress(json.dumps(document).encode(), 9))


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldService:
    """*name* is the full one. Everybody may call it: Artifact Registry has no token for it."""

    cloud: Cloud
    entries: Entries
    name: str
    url: str

    def serve(self, tags: Mapping[str, Image], *, status: int = 200) -> None:
        self._tell(told(tags, status=status))

    def answer_after(self, seconds: float) -> None:
        self._tell(told(delay=seconds))

    def requests(self, since: datetime) -> list[str]:
        return [f"{said['method']} {said['path']}" for said in self.heard(since)]

    def heard(self, since: datetime) -> list[dict[str, Any]]:
        service = self.name.rpartition("/")[2]
        matching = (
            'resource.type="cloud_run_revision" AND '
            f'resource.labels.service_name="{service}" AND jsonPayload.message="asked"'
        )
        found = self.entries(matching, since, self.cloud.now())
        return [{**entry["jsonPayload"], "time": entry["timestamp"]} for entry in found]

    def _tell(self, what: str) -> None:
        body = {"template": _template(what)}
        self.cloud.google.done("PATCH", f"{RUN}/{self.name}?updateMask=template", body)


def told_service(cloud: Cloud, entries: Entries, short: str) -> ToldService:
    """The service that is called *short* in this run; made if it is not there yet."""
    name = f"{cloud.location}/services/{cloud.run}-{short}"
    found = cloud.google.ask("GET", f"{RUN}/{name}")
    if found.status == 404:
        cloud.delete_later(f"{RUN}/{name}")
        place = f"{RUN}/{cloud.location}/services?serviceId={cloud.run}-{short}"
        cloud.google.done("POST", place, {"template": _template(told())})
        binding = {"role": "roles/run.invoker", "members": ["allUsers"]}
        policy = {"policy": {"bindings": [binding]}}
        cloud.google.done("POST", f"{RUN}/{name}:setIamPolicy", policy)
        found = cloud.google.ask("GET", f"{RUN}/{name}")
    if not found.is_good:
        raise ApiRefused(name, found)
    return ToldService(cloud=cloud, entries=entries, name=name, url=found.json()["uri"])


def _template(what: str) -> dict[str, Any]:
    container = {
        "image": _IMAGE,
        "command": ["python", "-c", _SOURCE, "0.0.0.0"],  # noqa: S104 — inside its container
        "env": [{"name": "TOLD", "value": what}],
    }
    return {"containers": [container], "scaling": {"maxInstanceCount": 1}}
