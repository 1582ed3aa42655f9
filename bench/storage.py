"""Images and tags put straight into the storage of Debian's docker-registry, without a push.

https://distribution.github.io/distribution/: the filesystem driver keeps a blob as
``blobs/sha256/ab/<hex>/data`` and whatever refers to one as a file ``link`` with its digest.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """An image of *layers* layers of *mebibytes* each, incompressible."""

    name: str
    layers: int
    mebibytes: int

    @property
    def size(self) -> int:
        return self.layers * self.mebibytes * MIB

    def __str__(self) -> str:
        return f"{self.name} {self.layers} x {self.mebibytes} MiB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The documents of an image in the order of a pull: *manifests*, then the blobs."""

    repository: str
    manifests: tuple[tuple[str, int], ...]
    blobs: tuple[tuple[str, int], ...]


class Storage:
    def __init__(self, root: Path) -> None:
        self._root = root / "docker" / "registry" / "v2"

    def add(self, shape: Shape) -> Stored:
        """``bench/NAME:latest``, an index of one platform."""
        repository = f"bench/{shape.name}"
        layers = [
            self._blob(repository, os.urandom(shape.mebibytes * MIB)) for _ in range(shape.layers)
        ]
        config = self._blob(
            repository, json.dumps({"os": "linux", "architecture": "amd64"}).encode()
        )
        described = [_descriptor(LAYER, *layer) for layer in layers]
        manifest = self._manifest(
            repository,
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": _descriptor(CONFIG, *config),
                "layers": described,
            },
        )
        platform = {"os": "linux", "architecture": "amd64"}
        entry = {**_descriptor(MANIFEST, *manifest), "platform": platform}
        index = self._manifest(
            repository, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
        )
        self.tag(repository, "latest", index[0])
        return Stored(repository=repository, manifests=(index, manifest), blobs=(config, *layers))

    def tag(self, repository: str, tag: str, digest: str) -> None:
        folder = self._root / "repositories" / repository / "_manifests" / "tags" / tag
        _write(folder / "current" / "link", digest.encode())
        _write(folder / "index" / digest.replace(":", "/") / "link", digest.encode())

    def _manifest(self, repository: str, document: object) -> tuple[str, int]:
        content = json.dumps(document).encode()
        digest = self._content(content)
        revisions = self._root / "repositories" / repository / "_manifests" / "revisions"
        _write(revisions / digest.replace(":", "/") / "link", digest.encode())
        return digest, len(content)

    def _blob(self, repository: str, content: bytes) -> tuple[str, int]:
        digest = self._content(content)
        layers = self._root / "repositories" / repository / "_layers"
        _write(layers / digest.replace(":", "/") / "link", digest.encode())
        return digest, len(content)

    def _content(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        _write(self._root / "blobs" / "sha256" / digest[:2] / digest / "data", content)
        return f"sha256:{digest}"


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
