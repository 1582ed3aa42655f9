"""A whole image through the mirror: index, manifest, config and every layer, each hashed.

The bytes are thrown away. What is wanted is that the mirror has them all, and that they are the
ones that the digest names, before anything is deployed.
"""

from typing import Protocol

from msgspec import Struct

from transship.blobs import Blobs
from transship.deadline import Deadline
from transship.errors import ImageTooLarge, InvalidManifest, PlatformMissing
from transship.model.digest import Digest
from transship.model.fetched import Fetched
from transship.model.manifest import (
    FOREIGN_LAYERS,
    Descriptor,
    ImageConfig,
    Manifest,
    choose,
    parse_config,
    parse_manifest,
)
from transship.model.platform import Platform
from transship.model.reference import Reference
from transship.prove import Progress, Proofs
from transship.ranges import Ranges

# An index in an index is legal, and some tools make them; deeper is somebody's game.
_INDEX_DEPTH = 3
_CONFIG_LIMIT = 4 * 1024 * 1024


class Registry(Blobs, Protocol):
    """The part of the distribution API that a pull needs."""

    def get_manifest(self, reference: Reference, *, deadline: Deadline) -> Fetched: ...


class Limits(Struct, frozen=True, kw_only=True):
    """What an image may have; checked before any of its blobs is asked for."""

    layers: int = 512
    bytes: int = 10 * 1024**3


class Pulled(Struct, frozen=True, kw_only=True):
    """*child* is the manifest for *platform*; *index* is None where the image is that manifest.

    Of its *bytes* so many came in ranges as *ranged* says.
    """

    index: Digest | None
    child: Digest
    platform: Platform
    config: ImageConfig
    blobs: int
    bytes: int
    seconds: float
    ranged: int = 0


class Shape(Struct, frozen=True, kw_only=True):
    """What an image says of itself, before any layer is read: *bytes* are those that it states."""

    child: Digest
    platform: Platform
    config: ImageConfig
    layers: int
    bytes: int


def survey(
    registry: Registry,
    reference: Reference,
    platform: Platform,
    *,
    deadline: Deadline,
    limits: Limits | None = None,
) -> Shape:
    """Read manifest and config of *reference*, hashed, and none of its layers."""
    found = _find(registry, reference, platform, deadline)
    config_blob, *layers = _blobs(found.manifest, limits or Limits())
    content = bytearray()
    with Proofs(
        registry, reference, total=config_blob.size, deadline=deadline, progress=None
    ) as proofs:
        proofs.begin(config_blob, keep=content)
        proofs.finish()
    config = parse_config(bytes(content))
    if found.platform is None:
        _check_platform(config, platform)
    return Shape(
        child=found.child,
        platform=found.platform or config.platform,
        config=config,
        layers=len(layers),
        bytes=config_blob.size + sum(layer.size for layer in layers),
    )


def pull(
    registry: Registry,
    reference: Reference,
    platform: Platform,
    *,
    deadline: Deadline,
    limits: Limits | None = None,
    progress: Progress | None = None,
    ranges: Ranges | None = None,
) -> Pulled:
    """Prove that *reference*, best by digest, is all there.

    *progress* is called in this thread, a few times a second, with the bytes so far and in total.
    Without *ranges* every layer is read by one connection, which fills any mirror.
    """
    started = deadline.clock()
    found = _find(registry, reference, platform, deadline)
    config_blob, *layers = _blobs(found.manifest, limits or Limits())
    total = config_blob.size + sum(layer.size for layer in layers)
    content = bytearray()
    with Proofs(registry, reference, total=total, deadline=deadline, progress=progress) as proofs:
        proofs.begin(config_blob, keep=content)
        if found.platform is None:
            # No index has said what the image is for; its config does, before the layers are read.
            proofs.finish()
            _check_platform(parse_config(bytes(content)), platform)
        ranged = ranges.suited(reference.pin(found.child), layers) if ranges else {}
        for layer in layers:
            proofs.begin(layer, window=ranged.get(layer))
        proofs.finish()
    config = parse_config(bytes(content))
    return Pulled(
        index=found.index,
        child=found.child,
        platform=found.platform or config.platform,
        config=config,
        blobs=1 + len(layers),
        bytes=total,
        seconds=deadline.clock() - started,
        ranged=proofs.ranged,
    )


class _Found(Struct, frozen=True, kw_only=True):
    index: Digest | None
    child: Digest
    manifest: Manifest
    platform: Platform | None


def _find(
    registry: Registry, reference: Reference, platform: Platform, deadline: Deadline
) -> _Found:
    """The manifest for *platform*, which an index leads to unless it is there itself."""
    fetched = registry.get_manifest(reference, deadline=deadline)
    index: Digest | None = None
    stated: Platform | None = None
    for _ in range(_INDEX_DEPTH + 1):
        document = parse_manifest(fetched.content, fetched.media_type)
        if isinstance(document, Manifest):
            return _Found(index=index, child=fetched.digest, manifest=document, platform=stated)
        index = index or fetched.digest
        entry = choose(document, platform)
        stated = entry.platform
        fetched = registry.get_manifest(reference.pin(entry.digest), deadline=deadline)
        if len(fetched.content) != entry.size:
            raise InvalidManifest(
                f"the index states {entry.size} bytes for {entry.digest},"
                f" which has {len(fetched.content)}"
            )
    raise InvalidManifest(f"indexes are nested deeper than {_INDEX_DEPTH}")


def _blobs(manifest: Manifest, limits: Limits) -> list[Descriptor]:
    """The config, then each layer once, the largest first: it would else be waited for alone."""
    if len(manifest.layers) > limits.layers:
        raise ImageTooLarge(f"the image has {len(manifest.layers)} layers; {limits.layers} may be")
    unique = {manifest.config.digest: manifest.config}
    for number, layer in enumerate(manifest.layers):
        if layer.media_type in FOREIGN_LAYERS:
            # To go where the publisher says would be a request forged by him, and Cloud Run
            # would not go there either.
            raise InvalidManifest(
                f"layers[{number}] is {layer.media_type}: its bytes are not in the registry"
            )
        if unique.setdefault(layer.digest, layer).size != layer.size:
            raise InvalidManifest(f"layers[{number}].size contradicts another of that digest")
    total = sum(blob.size for blob in unique.values())
    if total > limits.bytes:
        raise ImageTooLarge(f"the image has {total} bytes; {limits.bytes} may be")
    if manifest.config.size > _CONFIG_LIMIT:
        raise ImageTooLarge(f"the config has {manifest.config.size} bytes; {_CONFIG_LIMIT} may be")
    config, *layers = unique.values()
    return [config, *sorted(layers, key=lambda layer: -layer.size)]


def _check_platform(config: ImageConfig, platform: Platform) -> None:
    if not platform.runs(config.platform):
        raise PlatformMissing(f"the image is for {config.platform} alone, not for {platform}")
