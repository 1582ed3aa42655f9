"""Images: pulled from their registry at deploy, as Cloud Run's service agent, and unpacked once.

What was imported is kept, by digest: serving revisions go on when the registry no longer has it.
https://cloud.google.com/run/docs/deploying#images
https://github.com/opencontainers/distribution-spec
"""

import hashlib
import json
import shutil
import tempfile
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local.run.behaviour import Behaviour
from local.run.errors import (
    RevisionFailed,
    image_forbidden,
    image_missing,
    image_not_imported,
    wrong_platform,
)
from local.run.layers import BadLayer, unpack
from local.run.registry import Refused, Source

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_ACCEPT = ", ".join(_INDEXES + _MANIFESTS)
_DOCKER_HUB = "registry-1.docker.io"
_MANIFEST_LIMIT = 4 * 2**20
_CONFIG_LIMIT = 8 * 2**20
_CHUNK = 2**20
_MISSING = 404
_DENIED = (401, 403)


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """What a container runs; *shown* is the reference with a digest, as the revision has it."""

    shown: str
    config: Mapping[str, Any]
    rootfs: Path | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reference:
    prefix: str
    host: str
    path: str
    tag_or_digest: str


class Images:
    """*unpacked* false resolves an image and reads its configuration only."""

    def __init__(
        self,
        *,
        root: Path,
        host_map: Mapping[str, str],
        project_numbers: Mapping[str, int],
        platform: str,
        behaviour: Behaviour,
        unpacked: bool,
    ) -> None:
        self._root = root
        self._host_map = host_map
        self._numbers = project_numbers
        self._platform = platform
        self._behaviour = behaviour
        self._unpacked = unpacked
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def pull(self, image: str, *, project: str) -> Image:
        agent = f"service-{self._numbers[project]}@serverless-robot-prod.iam.gserviceaccount.com"
        reference = _parsed(image)
        source = Source(reference.host, reference.path, agent=agent, host_map=self._host_map)
        try:
            asked, child, manifest = self._manifest(source, image, reference.tag_or_digest)
            shown = child if self._behaviour.shows_child_digest else asked
            raw = source.read("blobs", manifest["config"]["digest"], limit=_CONFIG_LIMIT)
            _check(raw, manifest["config"]["digest"])
            rootfs = self._rootfs(source, child, manifest) if self._unpacked else None
        except Refused as refused:
            raise _explained(refused, image, agent) from refused
        except (BadLayer, KeyError, TypeError, ValueError) as error:
            raise image_not_imported(image, str(error)) from error
        config = json.loads(raw).get("config") or {}
        return Image(shown=f"{reference.prefix}@{shown}", config=config, rootfs=rootfs)

    def _manifest(
        self, source: Source, image: str, tag_or_digest: str
    ) -> tuple[str, str, dict[str, Any]]:
        """The digest that was asked for, that of the platform's manifest, and that manifest."""
        raw = source.read("manifests", tag_or_digest, limit=_MANIFEST_LIMIT, accept=_ACCEPT)
        asked = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        if ":" in tag_or_digest:
            _check(raw, tag_or_digest)
        document = json.loads(raw)
        if "manifests" not in document:
            return asked, asked, document
        for entry in document["manifests"]:
            if _fits(entry.get("platform") or {}, self._platform):
                child = entry["digest"]
                raw = source.read("manifests", child, limit=_MANIFEST_LIMIT, accept=_ACCEPT)
                _check(raw, child)
                return asked, child, json.loads(raw)
        media_type = document.get("mediaType", _INDEXES[0])
        raise wrong_platform(image, media_type, self._platform)

    def _rootfs(self, source: Source, digest: str, manifest: dict[str, Any]) -> Path:
        final = self._root / digest.removeprefix("sha256:")
        with self._locks[digest]:
            if final.is_dir():
                return final
            self._root.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(prefix="unpacking-", dir=self._root))
            try:
                fresh.chmod(0o755)
                for layer in manifest["layers"]:
                    with tempfile.TemporaryFile(dir=self._root) as blob:
                        _download(source, layer["digest"], blob)
                        unpack(blob, fresh)
                for mount_point in ("proc", "dev", "tmp", "sys", "etc"):
                    (fresh / mount_point).mkdir(exist_ok=True)
                fresh.rename(final)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
        return final


def _download(source: Source, digest: str, blob: IO[bytes]) -> None:
    digester = hashlib.sha256()
    with source.open("blobs", digest) as response:
        while chunk := response.read(_CHUNK):
            digester.update(chunk)
            blob.write(chunk)
    if f"sha256:{digester.hexdigest()}" != digest:
        raise ValueError(f"blob {digest} arrived as sha256:{digester.hexdigest()}")
    blob.seek(0)


def _check(content: bytes, digest: str) -> None:
    arrived = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if arrived != digest:
        raise ValueError(f"{digest} arrived as {arrived}")


def _fits(offered: Mapping[str, str], platform: str) -> bool:
    """
    >>> _fits({"os": "linux", "architecture": "arm64", "variant": "v8"}, "linux/arm64")
    True
    """
    wanted = platform.split("/")
    has = [offered.get(part, "") for part in ("os", "architecture", "variant")]
    return has[: len(wanted)] == wanted


def _parsed(image: str) -> _Reference:
    """
    >>> _parsed("nginx").path, _parsed("nginx").host
    ('library/nginx', 'registry-1.docker.io')
    >>> _parsed("127.0.0.1:5000/a/b:1@sha256:00").prefix
    '127.0.0.1:5000/a/b'
    """
    name, _, digest = image.partition("@")
    last = name.rpartition("/")[2]
    prefix, _, tag = name.rpartition(":") if ":" in last else (name, "", "latest")
    host, slash, path = prefix.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, path = "docker.io", prefix
    if host == "docker.io":
        host = _DOCKER_HUB
        path = path if "/" in path else f"library/{path}"
    return _Reference(prefix=prefix, host=host, path=path, tag_or_digest=digest or tag)


def _explained(refused: Refused, image: str, agent: str) -> RevisionFailed:
    if refused.status == _MISSING:
        return image_missing(image)
    if refused.status in _DENIED:
        return image_forbidden(image, agent)
    return image_not_imported(image, str(refused))
