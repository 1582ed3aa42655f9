"""What a registry does, whoever implements it: both stand-ins, and Debian's docker-registry.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import images
from local.images import AMD64, ARM64, OCI, Image
from tests.fixtures import skopeo
from tests.fixtures.registries import Running
from tests.fixtures.wire import Answer, Wire

REPOSITORY = "contract/site"
SITE = images.index(
    images.site("contract"),
    images.site("contract", platform=ARM64),
    images.attestation(images.site("contract")),
)
UNKNOWN = "sha256:" + "0" * 64
PATIENCE_SECONDS = 10.0


class RegistryContract:
    """A subclass gives the registry; the image is pushed by skopeo, once for each."""

    unknown_digest_status = 404

    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls) -> Running:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def image(cls, registry: Running) -> Image:
        assert registry.push_image(REPOSITORY, "1", SITE) == SITE.digest
        return SITE

    @pytest.fixture
    def wire(self, registry: Running, image: Image) -> Wire:
        return registry.wire

    def test_a_tag_and_its_digest_name_the_same_bytes(self, wire: Wire, image: Image) -> None:
        by_tag = wire.manifest(REPOSITORY, "1")
        by_digest = wire.manifest(REPOSITORY, image.digest)
        assert by_tag.status == by_digest.status == 200
        assert by_tag.body == by_digest.body == image.root.content

    def test_a_manifest_says_its_type_and_its_digest(self, wire: Wire, image: Image) -> None:
        answer = wire.manifest(REPOSITORY, "1")
        assert answer.headers["Content-Type"] == OCI.index
        assert answer.headers["Docker-Content-Digest"] == answer.digest == image.digest

    def test_head_says_what_get_says_and_sends_no_body(self, wire: Wire, image: Image) -> None:
        head = wire.manifest(REPOSITORY, "1", method="HEAD")
        get = wire.manifest(REPOSITORY, "1")
        assert head.status == 200
        assert head.body == b""
        for name in ("Content-Length", "Content-Type", "Docker-Content-Digest"):
            assert head.headers[name] == get.headers[name]

    def test_every_platform_of_an_index_can_be_fetched(self, wire: Wire, image: Image) -> None:
        for entry in wire.manifest(REPOSITORY, "1").json()["manifests"]:
            child = wire.manifest(REPOSITORY, entry["digest"])
            assert child.status == 200
            assert child.digest == entry["digest"]
            assert len(child.body) == entry["size"]

    def test_every_blob_can_be_fetched(self, wire: Wire, image: Image) -> None:
        for blob in image.child(AMD64).blobs():
            answer = wire.blob(REPOSITORY, blob.digest)
            assert answer.status == 200
            assert answer.digest == blob.digest
            assert answer.headers["Content-Length"] == str(blob.size)

    def test_the_rest_of_a_blob_can_be_fetched(self, wire: Wire, image: Image) -> None:
        blob = next(image.child(AMD64).blobs())
        whole = blob.read()
        rest = _once_stored(wire, blob.digest, "bytes=10-")
        assert rest.body == whole[10:]
        assert rest.headers["Content-Range"] == f"bytes 10-{len(whole) - 1}/{len(whole)}"

    def test_a_part_of_a_blob_can_be_fetched(self, wire: Wire, image: Image) -> None:
        blob = next(image.child(AMD64).blobs())
        part = _once_stored(wire, blob.digest, "bytes=3-5")
        assert part.body == blob.read()[3:6]

    def test_a_range_behind_the_end_is_refused(self, wire: Wire, image: Image) -> None:
        """The answer's body is not to be read: docker-registry 2.8 gives it the blob's length."""
        blob = next(image.child(AMD64).blobs())
        _once_stored(wire, blob.digest, "bytes=0-0")
        assert wire.blob(REPOSITORY, blob.digest, span=f"bytes={blob.size}-").status == 416

    def test_a_tag_that_was_pulled_is_listed(self, wire: Wire) -> None:
        wire.manifest(REPOSITORY, "1")
        assert "1" in wire.tags(REPOSITORY).json()["tags"]

    def test_an_unknown_tag_is_not_found(self, wire: Wire) -> None:
        answer = wire.manifest(REPOSITORY, "no-such-tag")
        assert answer.status == 404
        assert answer.error()["code"] == "MANIFEST_UNKNOWN"

    def test_an_unknown_digest_is_not_found(self, wire: Wire) -> None:
        assert wire.manifest(REPOSITORY, UNKNOWN).status == self.unknown_digest_status
        assert wire.blob(REPOSITORY, UNKNOWN).status == 404

    def test_an_unknown_repository_is_refused(self, wire: Wire) -> None:
        # Which of these it is tells whether strangers may learn what does not exist.
        assert wire.manifest("contract/no-such", "1").status in {401, 403, 404}

    def test_a_moved_tag_leaves_the_old_digest_readable(
        self, wire: Wire, registry: Running
    ) -> None:
        old = registry.push_image(REPOSITORY, "moving", images.static_site("old"))
        assert wire.manifest(REPOSITORY, old).status == 200
        new = registry.push_image(REPOSITORY, "moving", images.static_site("new"))
        assert wire.manifest(REPOSITORY, new).digest == new
        assert wire.manifest(REPOSITORY, old).digest == old

    def test_skopeo_computes_the_same_digest(
        self, wire: Wire, registry: Running, image: Image
    ) -> None:
        name = f"{registry.prefix}{REPOSITORY}"
        raw = skopeo.raw_manifest(registry.address, name, "1", registry.reads_as)
        head = wire.manifest(REPOSITORY, "1", method="HEAD")
        assert skopeo.digest_of(raw) == head.headers["Docker-Content-Digest"]

    def test_skopeo_copies_every_platform(
        self, registry: Running, image: Image, tmp_path: Path
    ) -> None:
        name = f"{registry.prefix}{REPOSITORY}"
        skopeo.copy(registry.address, name, "1", tmp_path, registry.reads_as)
        copied = {path.name for path in tmp_path.iterdir()}
        assert {blob.digest.removeprefix("sha256:") for blob in image.blobs()} <= copied


class TestDockerHubStandIn(RegistryContract):
    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, local_hub: Running) -> Running:
        return local_hub


class TestMirrorStandIn(RegistryContract):
    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, local_mirror: Running) -> Running:
        return local_mirror


class TestMirrorStandInBeforeDockerRegistry(RegistryContract):
    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, local_mirror_of_docker_registry: Running) -> Running:
        return local_mirror_of_docker_registry


class TestDockerRegistry(RegistryContract):
    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, docker_registry: Running) -> Running:
        return docker_registry


class TestDockerRegistryWithTokenAuth(RegistryContract):
    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, docker_registry_with_token_auth: Running) -> Running:
        return docker_registry_with_token_auth


class TestDockerRegistryProxy(RegistryContract):
    # docker-registry 2.8 wraps what its upstream said in an error of its own.
    unknown_digest_status = 500

    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, docker_registry_proxy: Running) -> Running:
        return docker_registry_proxy


def _once_stored(wire: Wire, digest: str, span: str) -> Answer:
    """A range of a blob that was read before.

    A pull-through registry may answer the first request with the whole, and stores it after its
    client has finished.
    """
    for answer in _until_deadline(wire, digest, span):
        if answer.status == 206:
            return answer
    raise AssertionError(f"no range of {digest}: the whole came instead")


def _until_deadline(wire: Wire, digest: str, span: str) -> Iterator[Answer]:
    wire.blob(REPOSITORY, digest)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        yield wire.blob(REPOSITORY, digest, span=span)
        time.sleep(0.02)
