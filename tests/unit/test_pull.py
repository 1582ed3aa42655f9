"""A whole image is pulled, by its index to the last layer, or it is no image."""

import json
import threading

import pytest

from tests.unit.pulled import MIB, blobs_asked, pulled_from
from tests.unit.scripted_registry import (
    CDN,
    CONFIG,
    HUB,
    LAYER,
    STATIC_SITE,
    Asked,
    Contents,
    Reply,
    client_of,
    descriptor,
    digest_of,
    random_bytes,
    scripted,
    soon,
)
from transship.clients.registry import RegistryClient
from transship.deadline import Deadline
from transship.errors import (
    ImageNotFound,
    ImageTooLarge,
    InvalidManifest,
    PlatformMissing,
)
from transship.model.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from transship.model.platform import CLOUD_RUN
from transship.pull import Limits, pull


def test_an_image_is_pulled_by_its_index_to_the_last_layer() -> None:
    contents = Contents()
    layers = [random_bytes(3 * MIB, 1), random_bytes(100, 2)]
    amd64 = contents.add_image(layers)
    arm64 = contents.add_image([random_bytes(50, 3)], architecture="arm64")
    index = contents.add_index({"linux/arm64": arm64, "linux/amd64": amd64}, "latest")
    with scripted(contents) as registry:
        pulled = pulled_from(registry)
    assert (pulled.index, pulled.child, pulled.platform) == (index, amd64, CLOUD_RUN)
    assert pulled.config.exposed_ports == (80,)
    asked = blobs_asked(registry)
    assert pulled.blobs == len(asked) == 3
    assert pulled.bytes == sum(len(contents.blobs[digest]) for digest in asked)
    assert {str(digest_of(layer)) for layer in layers} < set(asked)


def test_a_single_manifest_is_its_own_child() -> None:
    contents = Contents()
    digest = contents.add_image([b"layer"], "latest")
    with scripted(contents) as registry:
        pulled = pulled_from(registry)
    assert (pulled.index, pulled.child) == (None, digest)


def test_dockers_own_media_types_are_an_image_too() -> None:
    contents = Contents()
    child = contents.add_image([b"layer"], media_type=DOCKER_MANIFEST)
    content, _ = contents.manifests[str(child)]
    entry = descriptor(content, DOCKER_MANIFEST)
    entry["platform"] = {"os": "linux", "architecture": "amd64"}
    document = {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [entry]}
    index = contents.add_manifest(document, DOCKER_LIST, "latest")
    with scripted(contents) as registry:
        assert pulled_from(registry).index == index


def test_an_index_inside_an_index_is_looked_into() -> None:
    contents = Contents()
    child = contents.add_image([b"layer"])
    inner = contents.add_index({"linux/amd64": child})
    outer = contents.add_index({"": inner}, "latest")
    with scripted(contents) as registry:
        pulled = pulled_from(registry)
    assert (pulled.index, pulled.child) == (outer, child)


def test_indexes_are_not_followed_for_ever() -> None:
    contents = Contents()
    digest = contents.add_image([b"layer"])
    for _ in range(4):
        digest = contents.add_index({"": digest}, "latest")
    with scripted(contents) as registry, pytest.raises(InvalidManifest, match="nested"):
        pulled_from(registry)


def test_a_platform_that_no_index_states_is_read_from_the_config() -> None:
    contents = Contents()
    arm64 = contents.add_image([b"layer"], architecture="arm64")
    contents.add_index({"": arm64}, "latest")
    with scripted(contents) as registry, pytest.raises(PlatformMissing, match="linux/arm64"):
        pulled_from(registry)
    assert str(digest_of(b"layer")) not in blobs_asked(registry)


def test_a_blob_that_is_named_twice_is_read_once() -> None:
    contents = Contents()
    contents.add_image([b"same", b"same", b"other"], "latest")
    with scripted(contents) as registry:
        assert pulled_from(registry).blobs == 3
    assert len(blobs_asked(registry)) == 3


def test_a_pull_makes_few_connections_and_uses_them_again() -> None:
    def respond(asked: Asked) -> Reply:
        if "/blobs/" in asked.path and asked.host == HUB:
            return Reply(status=307, headers=[("Location", f"https://{CDN}{asked.path}")])
        return contents(asked)

    contents = Contents()
    contents.add_image([random_bytes(10_000, seed) for seed in range(20)], "latest")
    with scripted(respond) as registry:
        pulled_from(registry)
    for host in (HUB, CDN):
        ports = {asked.port for asked in registry.asked if asked.host == host}
        assert len(ports) <= 4


def test_the_largest_layers_come_first() -> None:
    """A large one that is begun last would be waited for alone."""
    layers = [random_bytes(100 * size, size) for size in (2, 5, 1, 4, 3)]
    contents = Contents()
    contents.add_image(layers, "latest")
    names = {str(digest_of(layer)): len(layer) for layer in layers}
    asked_for: list[int] = []
    four = threading.Event()

    def respond(asked: Asked) -> Reply:
        name = asked.path.rsplit("/", 1)[1]
        if name in names:
            asked_for.append(names[name])
            if len(asked_for) == 4:
                four.set()
            assert four.wait(20)
        return contents(asked)

    with scripted(respond) as registry:
        pulled_from(registry)
    assert sorted(asked_for[:4]) == [200, 300, 400, 500]


def test_an_empty_layer_is_a_layer() -> None:
    contents = Contents()
    contents.add_image([b""], "latest")
    with scripted(contents) as registry:
        assert pulled_from(registry).blobs == 2


@pytest.mark.parametrize("limits", [Limits(layers=1), Limits(bytes=1000)])
def test_an_image_over_a_limit_costs_no_blob(limits: Limits) -> None:
    contents = Contents()
    contents.add_image([random_bytes(600, 1), random_bytes(600, 2)], "latest")
    with scripted(contents) as registry, pytest.raises(ImageTooLarge, match="may be"):
        pulled_from(registry, limits)
    assert blobs_asked(registry) == []


def test_a_config_of_gigabytes_is_not_read_into_memory() -> None:
    contents = Contents()
    config = {**descriptor(b"{}", CONFIG), "size": 5 * 1024**3}
    document = {"schemaVersion": 2, "config": config, "layers": []}
    contents.add_manifest(document, OCI_MANIFEST, "latest")
    with scripted(contents) as registry, pytest.raises(ImageTooLarge, match="config"):
        pulled_from(registry)
    assert blobs_asked(registry) == []


def test_a_layer_that_lives_elsewhere_is_refused() -> None:
    contents = Contents()
    config = contents.add_blob(b'{"os": "linux", "architecture": "amd64"}')
    foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    layer = {**descriptor(b"layer", foreign), "urls": ["https://example.com/layer"]}
    document = {"schemaVersion": 2, "config": descriptor(config, CONFIG), "layers": [layer]}
    contents.add_manifest(document, OCI_MANIFEST, "latest")
    with scripted(contents) as registry, pytest.raises(InvalidManifest, match=r"layers\[0\]"):
        pulled_from(registry)
    assert blobs_asked(registry) == []


def test_one_digest_cannot_have_two_sizes() -> None:
    contents = Contents()
    config = contents.add_blob(b'{"os": "linux", "architecture": "amd64"}')
    layer = descriptor(b"layer", LAYER)
    layers = [layer, {**layer, "size": 6}]
    document = {"schemaVersion": 2, "config": descriptor(config, CONFIG), "layers": layers}
    contents.add_manifest(document, OCI_MANIFEST, "latest")
    with scripted(contents) as registry, pytest.raises(InvalidManifest, match="contradicts"):
        pulled_from(registry)


def test_a_child_of_another_size_than_its_index_states_is_refused() -> None:
    contents = Contents()
    child = contents.add_image([b"layer"])
    content, media_type = contents.manifests[str(child)]
    entry = {**descriptor(content, media_type), "size": len(content) + 1}
    document = {"schemaVersion": 2, "manifests": [entry]}
    contents.add_manifest(document, OCI_INDEX, "latest")
    with scripted(contents) as registry, pytest.raises(InvalidManifest, match="states"):
        pulled_from(registry)


def test_an_index_whose_child_the_mirror_does_not_have_is_no_image() -> None:
    contents = Contents()
    child = contents.add_image([b"layer"])
    contents.add_index({"linux/amd64": child}, "latest")
    del contents.manifests[str(child)]
    with scripted(contents) as registry, pytest.raises(ImageNotFound):
        pulled_from(registry)


def test_a_missing_layer_fails_the_pull() -> None:
    contents = Contents()
    contents.add_image([b"layer"], "latest")
    del contents.blobs[str(digest_of(b"layer"))]
    with scripted(contents) as registry, pytest.raises(ImageNotFound):
        pulled_from(registry)


def test_progress_ends_at_the_total_and_comes_in_the_callers_thread() -> None:
    contents = Contents()
    contents.add_image([random_bytes(3 * MIB, 1), random_bytes(MIB, 2)], "latest")
    seen: list[tuple[int, int]] = []
    threads = set()

    def progress(so_far: int, total: int) -> None:
        seen.append((so_far, total))
        threads.add(threading.current_thread())

    with scripted(contents) as registry:
        client = client_of(registry)
        pulled = pull(client, STATIC_SITE, CLOUD_RUN, deadline=soon(), progress=progress)
        client.close()
    assert seen[-1] == (pulled.bytes, pulled.bytes)
    assert threads == {threading.current_thread()}


def test_a_pull_takes_as_long_as_its_deadlines_clock_says() -> None:
    ticks = iter(range(1, 10_000))
    contents = Contents()
    contents.add_image([b"layer"], "latest")
    with scripted(contents) as registry:
        client: RegistryClient = client_of(registry)
        deadline = Deadline(at=5_000, clock=lambda: float(next(ticks)))
        pulled = pull(client, STATIC_SITE, CLOUD_RUN, deadline=deadline)
        client.close()
    assert pulled.seconds == int(pulled.seconds) > 0


def test_a_config_that_is_not_one_is_refused() -> None:
    contents = Contents()
    config = contents.add_blob(json.dumps({"os": "linux"}).encode())
    document = {"schemaVersion": 2, "config": descriptor(config, CONFIG), "layers": []}
    contents.add_manifest(document, OCI_MANIFEST, "latest")
    with scripted(contents) as registry, pytest.raises(InvalidManifest, match="architecture"):
        pulled_from(registry)
