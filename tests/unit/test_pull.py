"""Pulling whole images: what counts as an image that is all there, and what does not."""

import json
import threading

import pytest

from tests.unit.scripted_registry import (
    CDN,
    CONFIG,
    GZIPPED,
    HUB,
    LAYER,
    STATIC_SITE,
    Asked,
    Contents,
    Reply,
    Respond,
    ScriptedRegistry,
    client_of,
    descriptor,
    digest_of,
    error,
    part_of,
    random_bytes,
    scripted,
    soon,
)
from transship.clients.registry import RegistryClient
from transship.deadline import Deadline
from transship.errors import (
    DigestMismatch,
    ImageNotFound,
    ImageTooLarge,
    InvalidManifest,
    PlatformMissing,
    RegistryUnavailable,
)
from transship.model.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from transship.model.platform import CLOUD_RUN
from transship.pull import Limits, Pulled, pull

MIB = 1024 * 1024


def pulled_from(registry: ScriptedRegistry, limits: Limits | None = None) -> Pulled:
    client = client_of(registry)
    try:
        return pull(client, STATIC_SITE, CLOUD_RUN, deadline=soon(), limits=limits)
    finally:
        client.close()


def blobs_asked(registry: ScriptedRegistry) -> list[str]:
    return [path.rsplit("/", 1)[1] for path in registry.paths() if "/blobs/" in path]


def instead(respond: Respond, layer: bytes, reply: Respond) -> Respond:
    """*respond*, but that *reply* answers for *layer*."""
    name = str(digest_of(layer))

    return lambda asked: reply(asked) if asked.path.endswith(name) else respond(asked)


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


def test_an_announced_encoding_does_not_change_a_layers_bytes() -> None:
    contents = Contents()
    contents.add_image([GZIPPED], "latest")
    reply = Reply(headers=[("Content-Encoding", "gzip")], body=GZIPPED)
    with scripted(instead(contents, GZIPPED, lambda _: reply)) as registry:
        assert pulled_from(registry).blobs == 2


def test_a_corrupt_layer_is_a_mismatch() -> None:
    layer = random_bytes(2 * MIB)
    contents = Contents()
    contents.add_image([layer], "latest")
    wrong = layer[:-1] + bytes([layer[-1] ^ 1])
    with (
        scripted(instead(contents, layer, lambda _: Reply(body=wrong))) as registry,
        pytest.raises(DigestMismatch, match=str(digest_of(wrong))),
    ):
        pulled_from(registry)


@pytest.mark.parametrize("more", [b"x", b""])
def test_a_layer_announced_at_another_length_is_a_mismatch(more: bytes) -> None:
    contents = Contents()
    contents.add_image([b"layer"], "latest")
    wrong = instead(contents, b"layer", lambda _: Reply(body=(b"layer" + more)[bool(not more) :]))
    with scripted(wrong) as registry, pytest.raises(DigestMismatch, match="right is 5"):
        pulled_from(registry)


def test_a_layer_that_goes_on_after_its_end_is_a_mismatch() -> None:
    contents = Contents()
    contents.add_image([b"layer"], "latest")
    wrong = instead(contents, b"layer", lambda _: Reply(body=b"layer and more", length=None))
    with scripted(wrong) as registry, pytest.raises(DigestMismatch, match="longer"):
        pulled_from(registry)


def test_a_layer_that_is_always_cut_short_never_counts() -> None:
    contents = Contents()
    contents.add_image([b"layer"], "latest")
    wrong = instead(contents, b"layer", lambda _: Reply(body=b"lay", length=None))
    with scripted(wrong) as registry, pytest.raises(RegistryUnavailable, match="cut at 3 of 5"):
        pulled_from(registry)


def test_a_layer_that_is_cut_goes_on_where_it_stopped() -> None:
    layer = random_bytes(10 * MIB)
    sent: list[int] = []

    def cut(asked: Asked) -> Reply:
        reply = part_of(layer, asked)
        sent.append(min(3 * MIB, len(reply.body)))
        return Reply(status=reply.status, headers=reply.headers, body=reply.body, cut_after=3 * MIB)

    contents = Contents()
    contents.add_image([layer], "latest")
    with scripted(instead(contents, layer, cut)) as registry:
        pulled_from(registry)
    assert sum(sent) == len(layer)
    assert len(sent) == 4


def test_a_server_without_ranges_is_read_from_the_beginning() -> None:
    layer = random_bytes(4 * MIB)
    replies = iter([Reply(body=layer, cut_after=MIB), Reply(body=layer)])
    contents = Contents()
    contents.add_image([layer], "latest")
    with scripted(instead(contents, layer, lambda _: next(replies))) as registry:
        pulled_from(registry)
    assert list(replies) == []


@pytest.mark.parametrize(
    "content_range",
    [
        "bytes 0-4194303/4194304",
        "bytes 1048576-4194303/9999999",
        "bytes 1048576-2000000/4194304",
        "junk",
    ],
)
def test_a_part_that_is_not_the_one_asked_for_is_not_joined(content_range: str) -> None:
    layer = random_bytes(4 * MIB)
    ranges: list[str | None] = []

    def reply(asked: Asked) -> Reply:
        ranges.append(asked.headers.get("range"))
        if ranges[-1] is not None:
            headers = [("Content-Range", content_range)]
            return Reply(status=206, headers=headers, body=layer[MIB:])
        return Reply(body=layer, cut_after=MIB if len(ranges) == 1 else None)

    contents = Contents()
    contents.add_image([layer], "latest")
    with scripted(instead(contents, layer, reply)) as registry:
        pulled_from(registry)
    assert ranges == [None, f"bytes={MIB}-", None]


def test_a_range_that_cannot_be_satisfied_starts_over() -> None:
    layer = random_bytes(4 * MIB)

    def reply(asked: Asked) -> Reply:
        if "range" in asked.headers:
            return Reply(status=416)
        return Reply(body=layer, cut_after=None if len(registry.asked) > 4 else MIB)

    contents = Contents()
    contents.add_image([layer], "latest")
    with scripted(instead(contents, layer, reply)) as registry:
        pulled_from(registry)


def test_a_server_that_brings_nothing_is_given_up() -> None:
    layer = random_bytes(4 * MIB)

    def reply(asked: Asked) -> Reply:
        part = part_of(layer, asked)
        return Reply(status=part.status, headers=part.headers, body=part.body, cut_after=1000)

    contents = Contents()
    contents.add_image([layer], "latest")
    with scripted(instead(contents, layer, reply)) as registry, pytest.raises(RegistryUnavailable):
        pulled_from(registry)
    assert blobs_asked(registry).count(str(digest_of(layer))) == 3


def test_a_cut_is_mended_at_the_registry_and_not_at_the_signed_address() -> None:
    layer = random_bytes(4 * MIB)
    signatures = iter("abc")

    def reply(asked: Asked) -> Reply:
        if asked.host == HUB:
            location = f"https://{CDN}/{next(signatures)}/blobs/{digest_of(layer)}?signature=s"
            return Reply(status=307, headers=[("Location", location)])
        assert "authorization" not in asked.headers
        part = part_of(layer, asked)
        cut = MIB if asked.path.startswith("/a/") else None
        return Reply(status=part.status, headers=part.headers, body=part.body, cut_after=cut)

    contents = Contents()
    contents.add_image([layer], "latest")
    with scripted(instead(contents, layer, reply)) as registry:
        pulled_from(registry)
    on_cdn = [asked for asked in registry.asked if asked.host == CDN]
    assert [asked.path[:3] for asked in on_cdn] == ["/a/", "/b/"]
    assert on_cdn[1].headers["range"] == f"bytes={MIB}-"


def test_a_signature_that_has_expired_is_asked_for_again() -> None:
    refusals = iter([True, False])

    def reply(asked: Asked) -> Reply:
        if asked.host == HUB:
            return Reply(status=307, headers=[("Location", f"https://{CDN}{asked.path}")])
        return error(403, "EXPIRED", "expired") if next(refusals) else Reply(body=b"layer")

    contents = Contents()
    contents.add_image([b"layer"], "latest")
    with scripted(instead(contents, b"layer", reply)) as registry:
        assert pulled_from(registry).blobs == 2


def test_the_deadline_ends_a_pull_that_hangs_in_the_middle_of_a_layer() -> None:
    layer = random_bytes(MIB)
    never = threading.Event()
    contents = Contents()
    contents.add_image([layer], "latest")
    with scripted(instead(contents, layer, lambda _: Reply(body=layer, hold=never))) as registry:
        client = client_of(registry)
        with pytest.raises(RegistryUnavailable):
            pull(client, STATIC_SITE, CLOUD_RUN, deadline=Deadline.after(0.5))
        client.close()
        never.set()


def test_the_deadline_ends_a_pull_whose_layer_drips() -> None:
    """Each byte comes in time, so that no time-out of the socket ends it."""
    layer = random_bytes(MIB)
    stop = threading.Event()
    contents = Contents()
    contents.add_image([layer], "latest")
    with scripted(instead(contents, layer, lambda _: Reply(body=layer, drip=stop))) as registry:
        client = client_of(registry)
        with pytest.raises(RegistryUnavailable, match="in the time given"):
            pull(client, STATIC_SITE, CLOUD_RUN, deadline=Deadline.after(0.5))
        client.close()
        stop.set()


def test_the_failure_of_one_layer_ends_the_others() -> None:
    slow, missing = random_bytes(MIB, 1), random_bytes(MIB - 1, 2)
    never, begun = threading.Event(), threading.Event()

    def hang(asked: Asked) -> Reply:
        begun.set()
        return Reply(body=slow, hold=never)

    def fail(asked: Asked) -> Reply:
        begun.wait(20)
        return error(404, "BLOB_UNKNOWN", "blob unknown")

    contents = Contents()
    contents.add_image([slow, missing], "latest")
    replies = instead(instead(contents, slow, hang), missing, fail)
    with scripted(replies) as registry:
        with pytest.raises(ImageNotFound):
            pulled_from(registry)
        never.set()


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
