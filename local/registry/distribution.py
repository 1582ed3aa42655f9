"""The distribution API over a store: what every registry here has in common.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from local.registry.content import Stored
from local.registry.wire import Content, Request, Response, error, json_response

# The index types of both families, as their specifications name them.
INDEX_TYPES = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
TAGS_PER_PAGE = 1000
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_ROUTES = re.compile(
    r"/v2/(?P<name>.+)/(?:"
    r"(?P<manifests>manifests)/(?P<reference>[^/]+)"
    r"|(?P<uploads>blobs/uploads)/(?P<upload>[^/]*)"
    r"|(?P<blobs>blobs)/(?P<digest>[^/]+)"
    r"|(?P<tags>tags)/list)"
)
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a path asks for: *what* is manifests, blobs, uploads or tags."""

    name: str
    what: str
    key: str


def route(path: str) -> Route | None:
    match = _ROUTES.fullmatch(path)
    if match is None:
        return None
    what = next(
        kind for kind in ("manifests", "uploads", "blobs", "tags") if match[kind] is not None
    )
    key = match["reference"] or match["upload"] or match["digest"] or ""
    return Route(name=match["name"], what=what, key=key)


def not_found() -> Response:
    return Response(
        status=404, headers={"Content-Type": "text/plain"}, body=b"404 page not found\n"
    )


def unsupported() -> Response:
    return error(405, "UNSUPPORTED", "The operation is unsupported.")


def manifest_unknown(reference: str) -> Response:
    return error(
        404, "MANIFEST_UNKNOWN", "manifest unknown", detail=f"unknown reference={reference}"
    )


def blob_unknown(digest: str) -> Response:
    return error(404, "BLOB_UNKNOWN", "blob unknown to registry", detail={"digest": digest})


def manifest_response(stored: Stored) -> Response:
    return Response(
        status=200,
        headers={
            "Content-Type": stored.media_type,
            "Docker-Content-Digest": stored.digest,
            "Docker-Distribution-Api-Version": "registry/2.0",
            "Etag": f'"{stored.digest}"',
        },
        body=stored.content,
    )


def blob_response(request: Request, path: Path, digest: str) -> Response:
    """The blob, or the one range of it that was asked for (RFC 9110, section 14)."""
    size = path.stat().st_size
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "Docker-Content-Digest": digest,
    }
    asked = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if request.method != "GET" or asked is None or not (asked[1] or asked[2]):
        return Response(status=200, headers=headers, body=Content(path=path, start=0, length=size))
    if asked[1]:
        start = int(asked[1])
        end = min(int(asked[2]), size - 1) if asked[2] else size - 1
    else:  # the last so many bytes
        start, end = max(size - int(asked[2]), 0), size - 1
    if start >= size or end < start:
        return Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    return Response(
        status=206,
        headers={**headers, "Content-Range": f"bytes {start}-{end}/{size}"},
        body=Content(path=path, start=start, length=end - start + 1),
    )


def tags_response(request: Request, name: str, tags: Iterable[str]) -> Response:
    """One page of tags, and a Link to the next one when there is more."""
    asked = request.parameter("n")
    limit = min(int(asked), TAGS_PER_PAGE) if asked.isdigit() else TAGS_PER_PAGE
    last = request.parameter("last")
    following = sorted(tag for tag in tags if tag > last)
    page = following[:limit]
    headers = {}
    if page and len(page) < len(following):
        query = urlencode({"last": page[-1], "n": limit})
        headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return json_response(200, {"name": name, "tags": page}, headers)


def accepts(request: Request, media_type: str) -> bool:
    """Whether the type is listed by name: wildcards do not count, as in Docker's registry.

    https://github.com/distribution/distribution/blob/v2.8.2/registry/handlers/manifests.go
    """
    listed = ",".join(request.headers.get_all("Accept", []))
    return media_type in {item.partition(";")[0].strip() for item in listed.split(",")}


def amd64_child(index: Stored) -> str:
    """The digest that is given to a client that does not know indexes; "" without one."""
    for entry in json.loads(index.content)["manifests"]:
        platform = entry.get("platform", {})
        if platform.get("os") == "linux" and platform.get("architecture") == "amd64":
            return str(entry["digest"])
    return ""


def named_by(media_type: str, content: bytes) -> tuple[list[str], list[str]]:
    """The digests of the manifests and of the blobs that a manifest names."""
    document: dict[str, Any] = json.loads(content)
    if media_type in INDEX_TYPES:
        return [entry["digest"] for entry in document["manifests"]], []
    blobs = [layer["digest"] for layer in document["layers"]]
    return [], [document["config"]["digest"], *blobs]
