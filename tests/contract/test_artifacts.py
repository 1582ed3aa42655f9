"""What the mirror holds, by Google's own client against the stand-in of its API."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import grpc
import pytest
from google.cloud import artifactregistry_v1

from local import images
from local.registry.artifact_registry import add_artifact_registry
from tests.fixtures.cloud import READER, SITE, Cloud, cloud
from transship.clients.artifacts import ArtifactRegistry
from transship.clients.egress import Guard
from transship.clients.registry import RegistryClient
from transship.config import Config
from transship.deadline import Deadline
from transship.model.digest import Digest
from transship.model.mirror import parse_mirrors
from transship.model.platform import CLOUD_RUN
from transship.model.ranges import Window
from transship.model.reference import Reference, parse_reference
from transship.pull import Pulled, pull
from transship.ranges import Ranges
from transship.stock import LongHeld
from transship.wiring import Clients

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


# Layers in ranges, for what it has held for long

LENGTH = 50_000
IN_THREE = Window(least=2 * LENGTH, length=LENGTH, rooms=2, connections=2)
HUGE = images.ballast(1, 3 * LENGTH)  # and a little more
DAY = timedelta(days=1).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Puller:
    cloud: Cloud
    client: RegistryClient
    ranges: Ranges

    def pull(self, image: Reference) -> tuple[Pulled, list[int]]:
        """And how the mirror answered for blobs."""
        before = len(self.cloud.mirror.requests)
        pulled = pull(
            self.client, image, CLOUD_RUN, deadline=Deadline.after(20), ranges=self.ranges
        )
        seen = self.cloud.mirror.requests[before:]
        return pulled, [each.status for each in seen if "/blobs/" in each.path]


@pytest.fixture
def puller(cloud: Cloud, artifacts: ArtifactRegistry) -> Iterator[Puller]:
    client = RegistryClient(
        Guard(host_map=cloud.mirror.hosts), google_token=lambda: f"ya29.local.{READER}"
    )
    is_held = LongHeld(artifacts, cloud.clock.now)
    yield Puller(cloud=cloud, client=client, ranges=Ranges(is_held=is_held, window=IN_THREE))
    client.close()


@pytest.fixture
def huge(cloud: Cloud) -> Reference:
    digest = cloud.hub.push("library/huge", "latest", HUGE)
    return mirrored("huge").pin(Digest(digest))


@pytest.mark.parametrize("range_fills", [False, True])
def test_a_range_is_never_what_fills_the_mirror(
    cloud: Cloud, puller: Puller, huge: Reference, range_fills: bool
) -> None:
    cloud.mirror.doubts.range_fills = range_fills
    pulled, statuses = puller.pull(huge)
    assert (pulled.ranged, set(statuses)) == (0, {200})

    cloud.hub.refuse_connections()
    cloud.clock.advance(DAY - 60)
    pulled, statuses = puller.pull(huge)
    assert (pulled.ranged, set(statuses)) == (0, {200})

    cloud.clock.advance(120)
    pulled, statuses = puller.pull(huge)
    assert pulled.ranged == max(blob.size for blob in HUGE.blobs())
    assert sorted(statuses) == [200, 206, 206, 206, 206], "the config, and the parts of the layer"


def test_a_mirror_that_ignores_ranges_is_read_by_one_connection(
    cloud: Cloud, puller: Puller, huge: Reference
) -> None:
    cloud.mirror.doubts.ignores_ranges = True
    puller.pull(huge)
    cloud.clock.advance(2 * DAY)

    pulled, statuses = puller.pull(huge)

    assert (pulled.ranged, statuses) == (0, [200, 200, 200]), "the config, the range, the whole"


def test_what_was_pulled_half_is_not_read_in_ranges_at_once(
    cloud: Cloud, puller: Puller, huge: Reference
) -> None:
    """Its manifest is there, and its layer is not."""
    cloud.wire.manifest("library/huge", str(huge.digest))

    pulled, statuses = puller.pull(huge)

    assert (pulled.ranged, set(statuses)) == (0, {200})


def test_the_functions_ask_the_mirror_in_this_way(cloud: Cloud, huge: Reference) -> None:
    server = grpc.server(ThreadPoolExecutor(2))
    add_artifact_registry(server, cloud.mirror)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    settings = {
        "TRANSSHIP_PROJECT": "sample-project",
        "TRANSSHIP_REGION": "asia-northeast1",
        "TRANSSHIP_MIRRORS": "docker.io=asia-northeast1-docker.pkg.dev/sample-project/docker",
        "TRANSSHIP_LOCAL_ARTIFACT_REGISTRY": f"127.0.0.1:{port}",
    }
    ranges = Clients(Config.from_env(settings), now=cloud.clock.now).ranges
    try:
        assert not ranges.is_held(huge)
        cloud.wire.manifest("library/huge", str(huge.digest))
        assert not ranges.is_held(huge)
        cloud.clock.advance(DAY)
        assert ranges.is_held(huge)
    finally:
        server.stop(0).wait()
    assert not ranges.is_held(huge), "nobody answers"
