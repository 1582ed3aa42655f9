"""What a registry says an image consists of.

The OCI image specification (image-index.md, manifest.md, config.md) and Docker's schema 2, which
differ in their media types alone. A document is read by the media type it was served with, never
by the keys that it happens to have.
"""

from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec
from msgspec import Struct

from transship.errors import InvalidManifest, InvalidReference, PlatformMissing
from transship.model.digest import Digest
from transship.model.platform import Platform

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"

INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
# All four, on HEAD as on GET: what is left out is converted or hidden, which is another digest.
ACCEPTED = (OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST)

CONFIGS = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)
# Layers that no registry has to hold: their bytes are at addresses that the publisher chose.
FOREIGN_LAYERS = frozenset(
    {
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    }
)

# https://docs.docker.com/build/metadata/attestations/attestation-storage/
_REFERENCE_TYPE = "vnd.docker.reference.type"


class Descriptor(Struct, frozen=True, kw_only=True):
    """Some content: where in the content-addressed store it is, and how much of it there is."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    attestation: bool = False


class Index(Struct, frozen=True, kw_only=True):
    manifests: tuple[Descriptor, ...]


class Manifest(Struct, frozen=True, kw_only=True):
    config: Descriptor
    layers: tuple[Descriptor, ...]


class ImageConfig(Struct, frozen=True, kw_only=True):
    """What the image says about how it wants to be run.

    *exposed_ports* are those of TCP, ascending. Environment variables are left out: nothing here
    needs them, and publishers have put secrets there.
    """

    platform: Platform
    exposed_ports: tuple[int, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


_Size = Annotated[int, msgspec.Meta(ge=0)]
_Words = list[str] | str | None


class _Platform(msgspec.Struct):
    os: str
    architecture: str
    variant: str | None = None


class _Descriptor(msgspec.Struct, rename="camel"):
    media_type: str
    digest: str
    size: _Size
    platform: _Platform | None = None
    annotations: dict[str, str] | None = None


class _Index(msgspec.Struct, rename="camel"):
    schema_version: int
    manifests: list[_Descriptor]
    media_type: str | None = None


class _Manifest(msgspec.Struct, rename="camel"):
    schema_version: int
    config: _Descriptor
    layers: list[_Descriptor]
    media_type: str | None = None


class _Execution(msgspec.Struct, rename="pascal"):
    exposed_ports: dict[str, object] | None = None
    entrypoint: _Words = None
    cmd: _Words = None


class _ImageConfig(msgspec.Struct):
    os: str
    architecture: str
    variant: str | None = None
    config: _Execution | None = None


def parse_manifest(content: bytes, content_type: str) -> Index | Manifest:
    """The document that was served as *content_type*, whose parameters do not matter.

    Raises InvalidManifest, which names the field.
    """
    media_type = essence(content_type)
    if media_type in INDEXES:
        index = _decode(content, _Index, media_type)
        _check_document(media_type, index.media_type, index.schema_version)
        return Index(manifests=_descriptors(index.manifests, "manifests"))
    if media_type in MANIFESTS:
        manifest = _decode(content, _Manifest, media_type)
        _check_document(media_type, manifest.media_type, manifest.schema_version)
        if manifest.config.media_type not in CONFIGS:
            raise InvalidManifest(
                f"config.mediaType is {manifest.config.media_type[:100]!r}: an artifact, not an"
                f" image; right is one of {', '.join(sorted(CONFIGS))}"
            )
        return Manifest(
            config=_descriptor(manifest.config, "config"),
            layers=_descriptors(manifest.layers, "layers"),
        )
    # Among the rest is Docker's schema 1, whose digest does not cover the bytes as served.
    raise InvalidManifest(
        f"the registry serves {media_type[:100]!r}; right is one of {', '.join(ACCEPTED)}"
    )


def parse_config(content: bytes) -> ImageConfig:
    document = _decode(content, _ImageConfig, "the image's config")
    execution = document.config or _Execution()
    return ImageConfig(
        platform=_platform(document),
        exposed_ports=_tcp_ports(execution.exposed_ports or {}),
        entrypoint=_words(execution.entrypoint),
        command=_words(execution.cmd),
    )


def essence(content_type: str) -> str:
    """The media type without its parameters.

    >>> essence("Application/vnd.oci.image.index.v1+json; charset=utf-8")
    'application/vnd.oci.image.index.v1+json'
    """
    return content_type.partition(";")[0].strip().lower()


def choose(index: Index, platform: Platform) -> Descriptor:
    """The first entry for *platform*; failing that, one that does not say what it is for.

    An entry without a platform (an index inside the index, mostly) has to be looked into. Raises
    PlatformMissing, which lists the platforms offered.
    """
    entries = [entry for entry in index.manifests if _is_image(entry)]
    for entry in entries:
        if entry.platform is not None and platform.runs(entry.platform):
            return entry
    for entry in entries:
        if entry.platform is None:
            return entry
    offered = ", ".join(sorted({str(entry.platform) for entry in entries})) or "none"
    raise PlatformMissing(f"the image has no manifest for {platform}; it offers: {offered}")


def _is_image(entry: Descriptor) -> bool:
    if entry.media_type not in INDEXES | MANIFESTS or entry.attestation:
        return False
    return entry.platform is None or "unknown" not in (
        entry.platform.os,
        entry.platform.architecture,
    )


_T = TypeVar("_T", bound=msgspec.Struct)


def _decode(content: bytes, kind: type[_T], name: str) -> _T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidManifest(f"{name}: {error}") from error


def _check_document(served: str, stated: str | None, version: int) -> None:
    if version != 2:  # noqa: PLR2004 - the only version of the schema that is content-addressed
        raise InvalidManifest(f"schemaVersion is {version}; right is 2")
    # Two readings of the same bytes are how one digest comes to mean two images: CVE-2021-41190.
    if stated is not None and essence(stated) != served:
        raise InvalidManifest(f"mediaType is {stated[:100]!r}, but it was served as {served!r}")


def _descriptors(entries: Sequence[_Descriptor], field: str) -> tuple[Descriptor, ...]:
    return tuple(_descriptor(entry, f"{field}[{n}]") for n, entry in enumerate(entries))


def _descriptor(entry: _Descriptor, field: str) -> Descriptor:
    try:
        digest = Digest(entry.digest)
    except InvalidReference as error:
        raise InvalidManifest(f"{field}.digest: {error}") from error
    return Descriptor(
        media_type=essence(entry.media_type),
        digest=digest,
        size=entry.size,
        platform=None if entry.platform is None else _platform(entry.platform),
        attestation=(entry.annotations or {}).get(_REFERENCE_TYPE) == "attestation-manifest",
    )


def _platform(stated: _Platform | _ImageConfig) -> Platform:
    return Platform(os=stated.os, architecture=stated.architecture, variant=stated.variant or "")


def _tcp_ports(exposed: dict[str, object]) -> tuple[int, ...]:
    """Ports are advice to whoever runs the image: one that cannot be read is passed over."""
    ports = set()
    for key in exposed:
        port, _, protocol = key.partition("/")
        if protocol in ("", "tcp") and port.isascii() and port.isdigit() and len(port) <= 5:  # noqa: PLR2004 - 65535
            ports.add(int(port))
    return tuple(sorted(port for port in ports if 0 < port < 1 << 16))


def _words(words: _Words) -> tuple[str, ...]:
    # Images of old builders have a string where a list belongs; Docker reads it as one word.
    return (words,) if isinstance(words, str) else tuple(words or ())
