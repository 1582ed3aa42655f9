"""What the mirror holds, by Google's own client against the stand-in of its API."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
import pytest
from google.cloud import artifactregistry_v1

from local import images
from local.registry.artifact_registry import add_artifact_registry
from tests.fixtures.cloud import SITE, Cloud, cloud
from transship.clients.artifacts import ArtifactRegistry
from transship.model.digest import Digest
from transship.model.mirror import parse_mirrors
from transship.model.reference import Reference, parse_reference

__all__ = ["cloud"]

MIRRORS = parse_mirrors("docker.io=asia-northeast1-docker.pkg.dev/sample-project/docker")


@pytest.fixture
def artifacts(cloud: Cloud) -> Iterator[ArtifactRegistry]:
    server = grpc.server(ThreadPoolExecutor(2))
    add_artifact_registry(server, cloud.mirror)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            transport = artifactregistry_v1.ArtifactRegistryClient.get_transport_class("grpc")
            client = artifactregistry_v1.ArtifactRegistryClient(
                transport=transport(channel=channel)
            )
            yield ArtifactRegistry(client, MIRRORS, keeps=lambda _: True)
    finally:
        server.stop(0).wait()


def mirrored(text: str) -> Reference:
    image = parse_reference(text)
    return MIRRORS.for_upstream(image).serving(image)


def test_a_tag_that_nobody_asked_for_is_unknown(artifacts: ArtifactRegistry) -> None:
    assert artifacts.tag(mirrored(SITE)) is None


def test_a_tag_says_its_digest_and_since_when(cloud: Cloud, artifacts: ArtifactRegistry) -> None:
    before = cloud.clock.now()
    cloud.wire.manifest(SITE, "latest")

    known = artifacts.tag(mirrored(SITE))

    assert known is not None
    assert known.digest == Digest(images.static_site("one").digest)
    assert before <= known.created <= cloud.clock.now()


def test_the_upstream_is_never_asked(cloud: Cloud, artifacts: ArtifactRegistry) -> None:
    cloud.wire.manifest(SITE, "latest")
    cloud.hub.push(SITE, "latest", images.static_site("two"))
    cloud.clock.advance(timedelta(hours=2).total_seconds())
    asked = len(cloud.hub.requests)

    known = artifacts.tag(mirrored(SITE))

    assert known is not None
    assert known.digest == Digest(images.static_site("one").digest)
    assert len(cloud.hub.requests) == asked


def test_a_digest_is_held_from_its_first_pull_on(cloud: Cloud, artifacts: ArtifactRegistry) -> None:
    image = mirrored(SITE).pin(Digest(images.static_site("one").digest))
    assert artifacts.held_since(image) is None

    cloud.wire.manifest(SITE, str(image.digest))

    since = artifacts.held_since(image)
    assert since is not None
    assert since <= cloud.clock.now()


@pytest.mark.parametrize("one_package", [False, True])
def test_an_official_image_is_found_under_either_of_its_names(
    cloud: Cloud, artifacts: ArtifactRegistry, one_package: bool
) -> None:
    cloud.mirror.doubts.one_library_package = one_package
    digest = cloud.hub.push("library/hello", "latest", images.static_site("hello"))
    cloud.wire.manifest("library/hello", "latest")

    known = artifacts.tag(mirrored("hello"))

    assert known is not None
    assert known.digest == Digest(digest)
    assert artifacts.held_since(mirrored("hello").pin(known.digest)) == known.created


def test_an_image_elsewhere_is_a_mistake_of_ours(artifacts: ArtifactRegistry) -> None:
    with pytest.raises(ValueError, match="in no mirror"):
        artifacts.tag(parse_reference(SITE))
