"""Manifests, indexes and configs as registries serve them."""

import json
from typing import Any

import pytest

from transship.errors import InvalidManifest, InvalidReference, PlatformMissing
from transship.model.digest import Digest
from transship.model.manifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Index,
    Manifest,
    choose,
    parse_config,
    parse_manifest,
)
from transship.model.platform import CLOUD_RUN, Platform, parse_platform

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def described(digest: str, media_type: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": 7, **more}


def manifest(**changes: Any) -> bytes:
    document = {
        "schemaVersion": 2,
        "config": described(A, OCI_CONFIG),
        "layers": [described(B, OCI_LAYER)],
        **changes,
    }
    return json.dumps({k: v for k, v in document.items() if v is not None}).encode()


def index(*entries: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "manifests": list(entries), **changes}).encode()


def entry(digest: str, platform: str | None, media_type: str = OCI_MANIFEST, **more: Any) -> Any:
    if platform is not None:
        names = ("os", "architecture", "variant")
        more["platform"] = dict(zip(names, platform.split("/"), strict=False))
    return described(digest, media_type, **more)


def parsed_index(*entries: dict[str, Any]) -> Index:
    document = parse_manifest(index(*entries), OCI_INDEX)
    assert isinstance(document, Index)
    return document


@pytest.mark.parametrize(
    ("media_type", "config"), [(OCI_MANIFEST, OCI_CONFIG), (DOCKER_MANIFEST, DOCKER_CONFIG)]
)
def test_a_manifest_names_its_config_and_layers(media_type: str, config: str) -> None:
    content = manifest(mediaType=media_type, config=described(A, config))
    document = parse_manifest(content, media_type)
    assert document == Manifest(
        config=Descriptor(media_type=config, digest=Digest(A), size=7),
        layers=(Descriptor(media_type=OCI_LAYER, digest=Digest(B), size=7),),
    )


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_an_index_names_its_manifests(media_type: str) -> None:
    document = parse_manifest(index(entry(A, "linux/arm64/v8")), media_type)
    assert isinstance(document, Index)
    assert document.manifests[0].platform == Platform(
        os="linux", architecture="arm64", variant="v8"
    )


def test_the_parameters_and_the_case_of_a_content_type_do_not_matter() -> None:
    served = "APPLICATION/vnd.oci.image.manifest.v1+json; charset=utf-8"
    assert isinstance(parse_manifest(manifest(), served), Manifest)


def test_a_document_is_what_it_was_served_as_and_not_what_it_looks_like() -> None:
    both = manifest(manifests=[entry(C, "linux/amd64")])
    assert isinstance(parse_manifest(both, OCI_MANIFEST), Manifest)
    assert isinstance(parse_manifest(both, OCI_INDEX), Index)


REFUSED = [
    (manifest(mediaType=DOCKER_MANIFEST), OCI_MANIFEST, "mediaType"),
    (index(mediaType=OCI_MANIFEST), OCI_INDEX, "mediaType"),
    (manifest(schemaVersion=1), OCI_MANIFEST, "schemaVersion"),
    (manifest(schemaVersion=None), OCI_MANIFEST, "schemaVersion"),
    (manifest(config=None), OCI_MANIFEST, "config"),
    (manifest(layers=None), OCI_MANIFEST, "layers"),
    (manifest(layers={}), OCI_MANIFEST, "layers"),
    (
        manifest(config=described(A, "application/vnd.cncf.helm.config.v1+json")),
        OCI_MANIFEST,
        "artifact",
    ),
    (manifest(layers=[described("sha256:xyz", OCI_LAYER)]), OCI_MANIFEST, r"layers\[0\]\.digest"),
    (manifest(layers=[described("sha512:" + "a" * 128, OCI_LAYER)]), OCI_MANIFEST, r"layers\[0\]"),
    (
        manifest(layers=[{**described(B, OCI_LAYER), "size": -1}]),
        OCI_MANIFEST,
        r"layers\[0\]\.size",
    ),
    (
        manifest(layers=[{**described(B, OCI_LAYER), "size": "7"}]),
        OCI_MANIFEST,
        r"layers\[0\]\.size",
    ),
    (index(), "application/vnd.docker.distribution.manifest.v1+prettyjws", "prettyjws"),
    (index(), "application/json", "application/json"),
    (index(), "", "right is"),
    (b"<html>", OCI_MANIFEST, "malformed"),
    (b"", OCI_MANIFEST, "truncated"),
    (b'{"schemaVersion": 2, "mediaType": "\xff"}', OCI_MANIFEST, "utf-8"),
    (b"[" * 100_000, OCI_MANIFEST, "got `array`"),
    (b'{"x":' * 100_000, OCI_MANIFEST, "recursion"),
    (index({"mediaType": OCI_MANIFEST, "size": 1}), OCI_INDEX, "digest"),
]


@pytest.mark.parametrize(("content", "media_type", "named"), REFUSED)
def test_a_document_that_is_wrong_is_refused_by_field(
    content: bytes, media_type: str, named: str
) -> None:
    with pytest.raises(InvalidManifest, match=named):
        parse_manifest(content, media_type)


def test_the_first_entry_for_the_platform_is_chosen() -> None:
    document = parsed_index(
        entry(A, "linux/arm64"), entry(B, "linux/amd64"), entry(C, "linux/amd64")
    )
    assert choose(document, CLOUD_RUN).digest == Digest(B)


def test_the_variant_that_an_architecture_implies_makes_no_difference() -> None:
    document = parsed_index(entry(A, "linux/amd64/v3"), entry(B, "linux/amd64/v1"))
    assert choose(document, CLOUD_RUN).digest == Digest(B)


def test_attestations_and_unknown_platforms_are_passed_over() -> None:
    annotations = {"vnd.docker.reference.type": "attestation-manifest"}
    document = parsed_index(
        entry(A, "unknown/unknown"),
        entry(B, "linux/amd64", annotations=annotations),
        entry(B, None, annotations=annotations),
        entry(A, "linux/amd64", media_type="application/vnd.cncf.thing"),
        entry(C, "linux/amd64"),
    )
    assert choose(document, CLOUD_RUN).digest == Digest(C)


def test_an_entry_that_does_not_say_its_platform_comes_last() -> None:
    nested = entry(A, None, media_type=OCI_INDEX)
    assert choose(parsed_index(nested, entry(B, "linux/amd64")), CLOUD_RUN).digest == Digest(B)
    assert choose(parsed_index(entry(B, "linux/arm64"), nested), CLOUD_RUN).digest == Digest(A)


def test_a_missing_platform_lists_those_on_offer() -> None:
    document = parsed_index(
        entry(A, "linux/arm64/v8"), entry(B, "windows/amd64"), entry(C, "unknown/unknown")
    )
    with pytest.raises(
        PlatformMissing, match=r"linux/amd64; it offers: linux/arm64/v8, windows/amd64$"
    ):
        choose(document, CLOUD_RUN)


def test_an_index_of_nothing_offers_none() -> None:
    with pytest.raises(PlatformMissing, match="none"):
        choose(parsed_index(), CLOUD_RUN)


def config(**execution: Any) -> bytes:
    return json.dumps({"os": "linux", "architecture": "amd64", "config": execution}).encode()


def test_a_config_says_how_to_run_the_image() -> None:
    parsed = parse_config(
        config(
            ExposedPorts={"8080/tcp": {}, "53/udp": {}, "80": {}},
            Entrypoint=["/run"],
            Cmd=["a", "b"],
            Env=["SECRET=1"],
        )
    )
    assert parsed.platform == CLOUD_RUN
    assert parsed.exposed_ports == (80, 8080)
    assert (parsed.entrypoint, parsed.command) == (("/run",), ("a", "b"))


@pytest.mark.parametrize(
    "ports",
    [{"http/tcp": {}}, {"0/tcp": {}}, {"65536/tcp": {}}, {"٨٠/tcp": {}}, {"1-2/tcp": {}}, None],
)
def test_a_port_that_is_none_is_passed_over(ports: Any) -> None:
    assert parse_config(config(ExposedPorts=ports)).exposed_ports == ()


def test_a_config_may_say_next_to_nothing() -> None:
    content = b'{"os": "linux", "architecture": "arm64", "variant": "v8", "config": null}'
    assert parse_config(content).platform == parse_platform("linux/arm64/v8")
    assert parse_config(config(Entrypoint=None, Cmd="one word")).command == ("one word",)


@pytest.mark.parametrize("content", [b"{}", b'{"os": "linux"}', b"[]", config(Cmd=[1]), b"\xff"])
def test_a_config_that_is_wrong_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidManifest, match="the image's config"):
        parse_config(content)


@pytest.mark.parametrize("text", ["linux/amd64", "linux/arm64/v8", "windows/amd64"])
def test_a_platform_is_read_and_written(text: str) -> None:
    assert str(parse_platform(text)) == text


@pytest.mark.parametrize("text", ["", "linux", "linux/", "a/b/c/d", "Linux/amd64", "linux/amd64\n"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference, match="right is os/architecture"):
        parse_platform(text)
