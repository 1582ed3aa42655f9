"""Images as a registry stores them: manifests, and all that they name.

https://github.com/opencontainers/image-spec/blob/main/image-index.md
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.layers import Blob, Layer, blob_of, digest_of

AMD64 = "linux/amd64"
ARM64 = "linux/arm64"
# A publisher may choose any time; one that never changes keeps the digests still.
CREATED = "2024-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The media types of one of the two families of manifests."""

    index: str
    manifest: str
    config: str
    layer: str
    plain_layer: str


OCI = Form(
    index="application/vnd.oci.image.index.v1+json",
    manifest="application/vnd.oci.image.manifest.v1+json",
    config="application/vnd.oci.image.config.v1+json",
    layer="application/vnd.oci.image.layer.v1.tar+gzip",
    plain_layer="application/vnd.oci.image.layer.v1.tar",
)
DOCKER = Form(
    index="application/vnd.docker.distribution.manifest.list.v2+json",
    manifest="application/vnd.docker.distribution.manifest.v2+json",
    config="application/vnd.docker.container.image.v1+json",
    layer="application/vnd.docker.image.rootfs.diff.tar.gzip",
    plain_layer="application/vnd.docker.image.rootfs.diff.tar",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.content)

    def descriptor(self) -> dict[str, Any]:
        return {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": len(self.content),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a registry stores for one reference: a manifest or an index, and all that it names."""

    root: Manifest
    platform: str = ""  # as an index will say; an index has none
    annotations: Mapping[str, str] = field(default_factory=dict)  # of its entry in an index
    children: tuple["Image", ...] = ()
    own_blobs: tuple[Blob, ...] = ()

    @property
    def digest(self) -> str:
        return self.root.digest

    def child(self, platform: str) -> "Image":
        return next(child for child in self.children if child.platform == platform)

    def manifests(self) -> Iterator[Manifest]:
        """Children first: a registry refuses an index before what it names."""
        for child in self.children:
            yield from child.manifests()
        yield self.root

    def blobs(self) -> Iterator[Blob]:
        for child in self.children:
            yield from child.blobs()
        yield from self.own_blobs

    def entry(self) -> dict[str, Any]:
        """Its descriptor in an index."""
        descriptor = self.root.descriptor()
        if self.platform:
            system, architecture, *variant = self.platform.split("/")
            descriptor["platform"] = {"architecture": architecture, "os": system}
            if variant:
                descriptor["platform"]["variant"] = variant[0]
        if self.annotations:
            descriptor["annotations"] = dict(self.annotations)
        return descriptor


def index(*images: Image, form: Form = OCI) -> Image:
    document = {
        "schemaVersion": 2,
        "mediaType": form.index,
        "manifests": [image.entry() for image in images],
    }
    return Image(root=Manifest(media_type=form.index, content=_json(document)), children=images)


def image(
    layers: Sequence[Layer],
    config: Mapping[str, Any],
    *,
    platform: str = AMD64,
    form: Form = OCI,
) -> Image:
    """One platform's image; *config* is what a container is started with."""
    system, architecture, *variant = platform.split("/")
    described: dict[str, Any] = {
        "created": CREATED,
        "architecture": architecture,
        "os": system,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": CREATED, "created_by": "busybox"} for _ in layers],
    }
    if variant:
        described["variant"] = variant[0]
    configuration = blob_of(_json(described))
    document = {
        "schemaVersion": 2,
        "mediaType": form.manifest,
        "config": _descriptor(configuration, form.config),
        "layers": [
            _descriptor(layer.blob, form.layer if layer.compressed else form.plain_layer)
            for layer in layers
        ],
    }
    return Image(
        root=Manifest(media_type=form.manifest, content=_json(document)),
        platform=platform,
        own_blobs=(configuration, *(layer.blob for layer in layers)),
    )


def attestation(of: Image) -> Image:
    """What BuildKit adds beside an image: an entry that no platform matches.

    https://docs.docker.com/build/metadata/attestations/attestation-storage/
    """
    statement = blob_of(_json({"predicateType": "https://slsa.dev/provenance/v0.2"}))
    configuration = blob_of(_json({"architecture": "unknown", "os": "unknown", "config": {}}))
    document = {
        "schemaVersion": 2,
        "mediaType": OCI.manifest,
        "config": _descriptor(configuration, OCI.config),
        "layers": [_descriptor(statement, "application/vnd.in-toto+json")],
    }
    return Image(
        root=Manifest(media_type=OCI.manifest, content=_json(document)),
        platform="unknown/unknown",
        annotations={
            "vnd.docker.reference.digest": of.digest,
            "vnd.docker.reference.type": "attestation-manifest",
        },
        own_blobs=(configuration, statement),
    )


def write_layout(source: Image, folder: Path, tag: str) -> None:
    """An OCI image layout, as other tools read one; skopeo takes no Docker list out of it.

    https://github.com/opencontainers/image-spec/blob/main/image-layout.md
    """
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for manifest in source.manifests():
        (blobs / manifest.digest.removeprefix("sha256:")).write_bytes(manifest.content)
    for blob in source.blobs():
        with (blobs / blob.digest.removeprefix("sha256:")).open("wb") as file:
            file.writelines(blob.chunks())
    root = source.root.descriptor()
    root["annotations"] = {"org.opencontainers.image.ref.name": tag}
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "manifests": [root]}))


def _descriptor(blob: Blob, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
