"""Layers that come cut, corrupt, late or in other parts than asked for."""

import threading

import pytest

from tests.unit.pulled import MIB, blobs_asked, pulled_from
from tests.unit.scripted_registry import (
    CDN,
    GZIPPED,
    HUB,
    STATIC_SITE,
    Asked,
    Contents,
    Reply,
    Respond,
    client_of,
    digest_of,
    error,
    part_of,
    random_bytes,
    scripted,
)
from transship.deadline import Deadline
from transship.errors import DigestMismatch, ImageNotFound, RegistryUnavailable
from transship.model.platform import CLOUD_RUN
from transship.pull import pull


def instead(respond: Respond, layer: bytes, reply: Respond) -> Respond:
    """*respond*, but that *reply* answers for *layer*."""
    name = str(digest_of(layer))

    return lambda asked: reply(asked) if asked.path.endswith(name) else respond(asked)


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
