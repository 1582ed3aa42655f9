"""The registry client reads manifests: what it asks for, and what it believes."""

import json

import pytest

from tests.unit.registry_site import SITE_DIGEST, served, site
from tests.unit.scripted_registry import (
    GZIPPED,
    HUB,
    STATIC_SITE,
    Reply,
    client_of,
    digest_of,
    scripted,
    soon,
)
from transship.clients.registry import MANIFEST_LIMIT
from transship.errors import (
    DigestMismatch,
    InvalidManifest,
)
from transship.model.manifest import OCI_MANIFEST

FOUR_TYPES = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
}


def test_head_and_get_ask_for_the_same_four_types_uncompressed() -> None:
    with scripted(site()) as registry:
        client = client_of(registry)
        head = client.head(STATIC_SITE, deadline=soon())
        fetched = client.get_manifest(STATIC_SITE, deadline=soon())
    assert (head.digest, head.media_type) == (fetched.digest, fetched.media_type)
    for asked in registry.asked:
        assert set(asked.headers["accept"].split(", ")) == FOUR_TYPES
        assert asked.headers["accept-encoding"] == "identity"
        assert asked.host == HUB
        assert asked.path == "/v2/dockersamples/static-site/manifests/latest"


def test_a_pinned_reference_is_asked_for_by_its_digest() -> None:
    with scripted(site()) as registry:
        client = client_of(registry)
        client.head(STATIC_SITE.pin(SITE_DIGEST), deadline=soon())
        client.get_manifest(STATIC_SITE.pin(SITE_DIGEST), deadline=soon())
    assert {asked.path.rsplit("/", 1)[1] for asked in registry.asked} == {str(SITE_DIGEST)}


def test_a_head_without_a_digest_is_answered_by_hashing() -> None:
    with scripted(lambda _: served(Docker_Content_Digest="")) as registry:
        assert client_of(registry).head(STATIC_SITE, deadline=soon()).digest == SITE_DIGEST
    assert [asked.method for asked in registry.asked] == ["HEAD", "GET"]


@pytest.mark.parametrize("stated", ["sha256:" + "0" * 64, "sha256:short", "md5:" + "0" * 32])
def test_a_header_that_contradicts_the_bytes_is_an_error(stated: str) -> None:
    with (
        scripted(lambda _: served(Docker_Content_Digest=stated)) as registry,
        pytest.raises(DigestMismatch),
    ):
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())


def test_other_bytes_than_the_digest_that_was_asked_for_are_an_error() -> None:
    asked = STATIC_SITE.pin(digest_of(b"something else"))
    with scripted(lambda _: served()) as registry:
        client = client_of(registry)
        with pytest.raises(DigestMismatch):
            client.get_manifest(asked, deadline=soon())
        with pytest.raises(DigestMismatch):
            client.head(asked, deadline=soon())


@pytest.mark.parametrize(
    "media_type", ["application/vnd.docker.distribution.manifest.v1+prettyjws", "text/html", ""]
)
def test_a_head_of_something_else_than_an_image_is_refused(media_type: str) -> None:
    with (
        scripted(lambda _: served(Content_Type=media_type)) as registry,
        pytest.raises(InvalidManifest, match="right is one of"),
    ):
        client_of(registry).head(STATIC_SITE, deadline=soon())


def test_a_manifest_of_four_mebibytes_is_read_and_a_larger_one_is_not() -> None:
    for extra, fits in ((0, True), (1, False)):
        content = b" " * (MANIFEST_LIMIT + extra)
        with scripted(lambda _, c=content: Reply(body=c)) as registry:  # type: ignore[misc] # bound early
            client = client_of(registry)
            if fits:
                assert client.get_manifest(STATIC_SITE, deadline=soon()).content == content
            else:
                with pytest.raises(InvalidManifest, match="over 4194304 bytes"):
                    client.get_manifest(STATIC_SITE, deadline=soon())


def test_an_announced_encoding_does_not_change_the_bytes() -> None:
    """A digest is that of the bytes as sent: undoing the encoding would hash others."""
    reply = Reply(
        headers=[("Content-Type", OCI_MANIFEST), ("Content-Encoding", "gzip")], body=GZIPPED
    )
    with scripted(lambda _: reply) as registry:
        fetched = client_of(registry).get_manifest(STATIC_SITE, deadline=soon())
    assert fetched.digest == digest_of(GZIPPED)


def test_a_document_of_the_wrong_kind_is_left_to_its_reader() -> None:
    """The client hands on what was served; the media type is judged where it is parsed."""
    content = json.dumps({"schemaVersion": 1}).encode()
    reply = Reply(headers=[("Content-Type", "text/plain; charset=utf-8")], body=content)
    with scripted(lambda _: reply) as registry:
        fetched = client_of(registry).get_manifest(STATIC_SITE, deadline=soon())
    assert (fetched.media_type, fetched.content) == ("text/plain", content)
