"""Manifests by tag and digest, and what the client makes of everything that can go wrong."""

import contextlib
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.scripted_registry import (
    AT_ONCE,
    CDN,
    GZIPPED,
    HUB,
    MIRROR,
    STATIC_SITE,
    Asked,
    Contents,
    Reply,
    client_of,
    digest_of,
    error,
    scripted,
    soon,
)
from transship.clients.egress import Guard
from transship.clients.registry import MANIFEST_LIMIT, RegistryClient
from transship.clients.retries import Retries
from transship.clients.transport import Timeouts
from transship.deadline import Deadline
from transship.errors import (
    AccessDenied,
    DigestMismatch,
    ImageNotFound,
    InvalidManifest,
    InvalidReference,
    PermanentError,
    RateLimited,
    Refused,
    RegistryUnavailable,
)
from transship.model.manifest import OCI_MANIFEST, Descriptor
from transship.model.ratelimit import RateLimit
from transship.model.reference import parse_reference

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
IN_MIRROR = parse_reference(f"{MIRROR}/sample-project/docker/dockersamples/static-site:latest")
FOUR_TYPES = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
}


def site() -> Contents:
    contents = Contents()
    contents.add_image([b"layer"], "latest")
    return contents


def served(**headers: str) -> Reply:
    """The static site's manifest, with other headers; an empty one is left out."""
    content, media_type = site().manifests["latest"]
    named = {
        "Content-Type": media_type,
        "Docker-Content-Digest": str(digest_of(content)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return Reply(headers=[item for item in named.items() if item[1]], body=content)


SITE_DIGEST = digest_of(served().body)


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


# Redirects


def test_a_credential_does_not_follow_a_redirect_to_another_host() -> None:
    def respond(asked: Asked) -> Reply:
        if asked.host == MIRROR:
            return Reply(status=307, headers=[("Location", f"https://{CDN}/elsewhere?signature=s")])
        return served()

    with scripted(respond) as registry:
        client_of(registry, google_token=lambda: "ya29.x").get_manifest(IN_MIRROR, deadline=soon())
    first, second = registry.asked
    assert first.headers["authorization"] == "Bearer ya29.x"
    assert (second.host, second.query) == (CDN, {"signature": ["s"]})
    assert "authorization" not in second.headers


def test_a_credential_follows_a_redirect_within_its_host() -> None:
    def respond(asked: Asked) -> Reply:
        if asked.path.startswith("/v2/"):
            return Reply(status=302, headers=[("Location", "/artifacts-downloads/x?a=b")])
        return served()

    with scripted(respond) as registry:
        client_of(registry, google_token=lambda: "ya29.x").get_manifest(IN_MIRROR, deadline=soon())
    assert registry.asked[1].path == "/artifacts-downloads/x"
    assert registry.asked[1].headers["authorization"] == "Bearer ya29.x"


def test_a_credential_that_was_dropped_does_not_come_back() -> None:
    def respond(asked: Asked) -> Reply:
        if asked.host == CDN:
            return Reply(status=302, headers=[("Location", f"https://{MIRROR}/home")])
        if asked.path == "/home":
            return served()
        return Reply(status=302, headers=[("Location", f"https://{CDN}/away")])

    with scripted(respond) as registry:
        client_of(registry, google_token=lambda: "ya29.x").get_manifest(IN_MIRROR, deadline=soon())
    assert [("authorization" in asked.headers) for asked in registry.asked] == [True, False, False]


def test_five_redirects_are_followed_and_no_sixth() -> None:
    for hops, is_followed in ((5, True), (6, False)):

        def respond(asked: Asked, hops: int = hops) -> Reply:
            so_far = int(asked.query.get("n", ["0"])[0])
            if so_far == hops:
                return served()
            return Reply(status=302, headers=[("Location", f"/next?n={so_far + 1}")])

        with scripted(respond) as registry:
            client = client_of(registry)
            if is_followed:
                client.get_manifest(STATIC_SITE, deadline=soon())
            else:
                with pytest.raises(Refused, match="more than 5 times"):
                    client.get_manifest(STATIC_SITE, deadline=soon())


@pytest.mark.parametrize(
    "location",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://169.254.169.254/",
        "https://metadata.google.internal/",
        "//localhost/",
        "file:///etc/passwd",
        "https://user:password@example.com/",
        "https://[::1/",
    ],
)
def test_a_redirect_passes_the_guard(location: str) -> None:
    reply = Reply(status=302, headers=[("Location", location)])
    with scripted(lambda _: reply) as registry, pytest.raises(Refused):
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())
    assert len(registry.asked) == 1


# Refusals


REFUSALS = [
    (400, InvalidReference),
    (401, AccessDenied),
    (403, AccessDenied),
    (404, ImageNotFound),
    (405, AccessDenied),
    (406, InvalidManifest),
    (410, ImageNotFound),
    (415, InvalidManifest),
    (418, AccessDenied),
    (451, AccessDenied),
]


@pytest.mark.parametrize(("status", "kind"), REFUSALS)
def test_a_refusal_is_permanent_and_not_asked_again(
    status: int, kind: type[PermanentError]
) -> None:
    with (
        scripted(lambda _: error(status, "SOME_CODE", "some message")) as registry,
        pytest.raises(kind, match=f"answers {status}|nothing that we have"),
    ):
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())
    assert len(registry.asked) == 1


@pytest.mark.parametrize("status", [206, 304, 408, 500, 502, 503, 504, 599])
def test_a_failure_is_asked_again_a_few_times(status: int) -> None:
    with (
        scripted(lambda _: error(status, "UNKNOWN", "unknown")) as registry,
        pytest.raises(RegistryUnavailable, match=f"answers {status}"),
    ):
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())
    assert len(registry.asked) == AT_ONCE.attempts


def test_a_failure_that_passes_is_not_noticed() -> None:
    replies = iter([error(503, "", ""), error(500, "", ""), served()])
    with scripted(lambda _: next(replies)) as registry:
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())


def test_an_outage_is_not_multiplied_by_retries() -> None:
    """All requests to a registry share one budget: without it these would be 160."""
    with scripted(lambda _: error(503, "", "")) as registry:
        client = client_of(registry)
        for _ in range(40):
            with pytest.raises(RegistryUnavailable):
                client.head(STATIC_SITE, deadline=soon())
    assert len(registry.asked) == 40 + 20


@pytest.mark.parametrize("answer", [served(), error(404, "MANIFEST_UNKNOWN", "unknown")])
def test_answers_earn_the_retries_of_later(answer: Reply) -> None:
    """Ten of them one; a refusal is an answer too."""
    reply = [error(503, "", "")]
    with scripted(lambda _: reply[0]) as registry:
        client = client_of(registry)

        def asked_until(kind: type[Exception], times: int) -> int:
            before = len(registry.asked)
            for _ in range(times):
                with contextlib.suppress(kind):
                    client.get_manifest(STATIC_SITE, deadline=soon())
            return len(registry.asked) - before

        assert asked_until(RegistryUnavailable, 20) == 20 + 20
        assert asked_until(RegistryUnavailable, 1) == 1
        reply[0] = answer
        assert asked_until(ImageNotFound, 9) == 9
        reply[0] = error(503, "", "")
        assert asked_until(RegistryUnavailable, 1) == 1
        reply[0] = answer
        assert asked_until(ImageNotFound, 1) == 1
        reply[0] = error(503, "", "")
        assert asked_until(RegistryUnavailable, 1) == 2


def test_a_denial_by_artifact_registry_names_the_grant() -> None:
    message = 'Permission "artifactregistry.repositories.downloadArtifacts" denied on resource'
    with scripted(lambda _: error(403, "DENIED", message)) as registry:
        client = client_of(registry, google_token=lambda: "ya29.x")
        with pytest.raises(AccessDenied, match=r"roles/artifactregistry\.reader") as caught:
            client.head(IN_MIRROR, deadline=soon())
        with pytest.raises(AccessDenied, match=message):
            client.get_manifest(IN_MIRROR, deadline=soon())
    assert "ya29" not in str(caught.value)


def test_an_upstream_that_forbids_the_mirror_is_permanent() -> None:
    text = "Fetch was denied by external repository's robots.txt; url=https://example.com"
    with (
        scripted(lambda _: error(502, "UNKNOWN", text)) as registry,
        pytest.raises(AccessDenied, match="forbids"),
    ):
        client_of(registry, google_token=lambda: "t").get_manifest(IN_MIRROR, deadline=soon())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b'{"errors": []}',
        b'{"errors": [{"code": 7}]}',
        b'{"errors": null}',
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b"x" * 300_000,
        b'{"errors": [{"code": "A\\nB", "message": "line\\nbreak"}]}',
    ],
)
def test_any_body_of_an_error_is_survived_and_shortened(body: bytes) -> None:
    with (
        scripted(lambda _: Reply(status=410, body=body)) as registry,
        pytest.raises(ImageNotFound) as caught,
    ):
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)


def test_a_body_of_an_error_that_is_cut_does_not_hide_the_error() -> None:
    reply = Reply(status=410, body=b'{"errors": [', length=1000, cut_after=12)
    with scripted(lambda _: reply) as registry, pytest.raises(ImageNotFound):
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())


def test_a_signature_gets_into_no_message_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    def respond(asked: Asked) -> Reply:
        if asked.host == HUB:
            return Reply(status=307, headers=[("Location", f"https://{CDN}/x?signature=s3cret")])
        return Reply(status=500, body=b"<html>https://cdn/x?signature=s3cret&y=z failed</html>")

    caplog.set_level(logging.DEBUG)
    with scripted(respond) as registry, pytest.raises(RegistryUnavailable) as caught:
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())
    assert "https://cdn/x? failed" in str(caught.value)
    assert "s3cret" not in str(caught.value) + caplog.text


# Rate limits


def limited(**headers: str) -> Reply:
    return error(429, "TOOMANYREQUESTS", "You have reached your pull rate limit.", **headers)


RETRY_AFTER = [
    ("900", timedelta(seconds=900)),
    (" 900 ", timedelta(seconds=900)),
    ("Tue, 24 Nov 2026 12:15:00 GMT", timedelta(seconds=900)),
    ("Tue, 24 Nov 2026 12:15:00 -0000", timedelta(seconds=900)),
    ("99999999999999999999", timedelta(days=1)),
    ("Tue, 24 Nov 2099 12:15:00 GMT", timedelta(days=1)),
    ("", None),
    ("-5", None),
    ("soon", None),
    ("331µs", None),
    ("1e3", None),
]


@pytest.mark.parametrize(("value", "wait"), RETRY_AFTER)
def test_a_limit_says_when_to_come_back(value: str, wait: timedelta | None) -> None:
    headers = {"Retry_After": value} if value else {}
    with (
        scripted(lambda _: limited(**headers)) as registry,
        pytest.raises(RateLimited) as caught,
    ):
        client_of(registry, now=lambda: NOW).get_manifest(STATIC_SITE, deadline=soon())
    assert caught.value.source == "docker.io"
    assert caught.value.retry_at == (None if wait is None else NOW + wait)
    assert len(registry.asked) == 1


def test_a_date_that_has_passed_means_now() -> None:
    replies = iter([limited(Retry_After="Tue, 24 Nov 2020 12:15:00 GMT"), served()])
    with scripted(lambda _: next(replies)) as registry:
        client_of(registry, now=lambda: NOW).get_manifest(STATIC_SITE, deadline=soon())


def test_a_short_wait_is_waited_for_here() -> None:
    replies = iter([limited(Retry_After="0"), served()])
    with scripted(lambda _: next(replies)) as registry:
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())
    assert len(registry.asked) == 2


def test_the_mirrors_limit_is_a_minute() -> None:
    reply = error(429, "", "Resource has been exhausted (e.g. check quota).")
    with scripted(lambda _: reply) as registry:
        client = client_of(registry, now=lambda: NOW, google_token=lambda: "t")
        with pytest.raises(RateLimited) as caught:
            client.get_manifest(IN_MIRROR, deadline=soon())
    assert caught.value.source == MIRROR
    assert caught.value.retry_at == NOW + timedelta(minutes=1)


def test_the_quota_is_read_from_every_answer() -> None:
    seen: list[tuple[str, RateLimit]] = []
    quota = {
        "ratelimit_limit": "100;w=21600",
        "ratelimit_remaining": "20;w=21600",
        "docker_ratelimit_source": "192.0.2.1",
    }
    replies = iter([served(**quota), served(**quota), limited(**quota)])
    with scripted(lambda _: next(replies)) as registry:
        client = client_of(registry, observe=lambda host, limit: seen.append((host, limit)))
        head = client.head(STATIC_SITE, deadline=soon())
        fetched = client.get_manifest(STATIC_SITE, deadline=soon())
        with pytest.raises(RateLimited):
            client.head(STATIC_SITE, deadline=soon())
    expected = RateLimit(limit=100, remaining=20, window_seconds=21600, source="192.0.2.1")
    assert head.rate_limit == fetched.rate_limit == expected
    assert seen == [("docker.io", expected)] * 3


def test_an_account_without_a_limit_is_not_observed() -> None:
    with scripted(lambda _: served(ratelimit_remaining="many")) as registry:
        client = client_of(registry, observe=lambda host, limit: pytest.fail(f"{host} {limit}"))
        assert client.head(STATIC_SITE, deadline=soon()).rate_limit is None


# Connections


def test_a_registry_that_is_down_is_unavailable() -> None:
    with scripted(site()) as registry:
        client = client_of(registry)
    with pytest.raises(RegistryUnavailable, match="Connection refused"):
        client.head(STATIC_SITE, deadline=soon())


def test_a_connection_is_used_again() -> None:
    ports = set()

    with raw_server(lambda connection: ports.add(serve_forever(connection))) as address:
        client = RegistryClient(Guard(host_map={HUB: address}), retries=AT_ONCE)
        for _ in range(3):
            client.head(STATIC_SITE, deadline=soon())
        client.close()
    assert len(ports) == 1


def test_a_connection_that_was_closed_meanwhile_is_made_again() -> None:
    with raw_server(serve_once) as address:
        client = RegistryClient(Guard(host_map={HUB: address}), retries=AT_ONCE)
        for _ in range(3):
            client.head(STATIC_SITE, deadline=soon())
        client.close()


def test_a_registry_that_does_not_answer_is_given_up() -> None:
    never = threading.Event()
    with raw_server(lambda _: never.wait(20)) as address:
        client = RegistryClient(
            Guard(host_map={HUB: address}),
            retries=Retries(attempts=1),
            timeouts=Timeouts(read=0.2),
        )
        with pytest.raises(RegistryUnavailable, match=r"[Tt]imed out"):
            client.head(STATIC_SITE, deadline=soon())
        never.set()


def test_a_header_that_never_ends_is_given_up() -> None:
    """Each byte comes in time; the header does not."""
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not stop.wait(0.02):
            connection.sendall(b"x")

    with raw_server(drip) as address:
        client = RegistryClient(
            Guard(host_map={HUB: address}),
            retries=Retries(attempts=1),
            timeouts=Timeouts(read=0.3),
        )
        with pytest.raises(RegistryUnavailable, match=r"[Tt]imed out"):
            client.head(STATIC_SITE, deadline=soon())
        stop.set()


def test_a_manifest_that_never_ends_meets_the_deadline() -> None:
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not stop.wait(0.02):
            connection.sendall(b"x")

    with raw_server(drip) as address:
        client = RegistryClient(Guard(host_map={HUB: address}), retries=AT_ONCE)
        with pytest.raises(RegistryUnavailable, match="no time is left"):
            client.get_manifest(STATIC_SITE, deadline=Deadline.after(0.3))
        stop.set()


def test_a_blob_is_not_read_after_the_deadline() -> None:
    now = [0.0]
    deadline = Deadline(at=10.0, clock=lambda: now[0])
    contents = site()
    layer = Descriptor(media_type="", digest=digest_of(b"layer"), size=5)
    with scripted(contents) as registry:
        client = client_of(registry)
        with client.open_blob(STATIC_SITE, layer, offset=0, deadline=deadline) as blob:
            now[0] = 11.0
            with pytest.raises(RegistryUnavailable, match="no time is left"):
                blob.read(5)


def test_no_request_is_made_after_the_deadline() -> None:
    with scripted(site()) as registry, pytest.raises(RegistryUnavailable, match="no time is left"):
        client_of(registry).head(STATIC_SITE, deadline=Deadline.after(0))
    assert registry.asked == []


@contextmanager
def raw_server(handle: object) -> Iterator[str]:
    """Runs *handle* with each connection, once a request has come in; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads: list[threading.Thread] = []

        def serve(connection: socket.socket) -> None:
            with connection:
                connection.settimeout(20)
                try:
                    if read_request(connection):
                        handle(connection)  # type: ignore[operator] # any callable will do
                except OSError:
                    pass  # the client has gone

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    accepting.join(20)
    for thread in threads:
        thread.join(20)


def read_request(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        piece = connection.recv(65536)
        if not piece:
            return b""
        request += piece
    return request


ANSWER = (
    "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n"
    f"Content-Type: {OCI_MANIFEST}\r\nDocker-Content-Digest: {SITE_DIGEST}\r\n\r\n"
).encode()


def serve_once(connection: socket.socket) -> None:
    connection.sendall(ANSWER)


def serve_forever(connection: socket.socket) -> int:
    connection.sendall(ANSWER)
    while read_request(connection):
        connection.sendall(ANSWER)
    return int(connection.getpeername()[1])


def test_a_document_of_the_wrong_kind_is_left_to_its_reader() -> None:
    """The client hands on what was served; the media type is judged where it is parsed."""
    content = json.dumps({"schemaVersion": 1}).encode()
    reply = Reply(headers=[("Content-Type", "text/plain; charset=utf-8")], body=content)
    with scripted(lambda _: reply) as registry:
        fetched = client_of(registry).get_manifest(STATIC_SITE, deadline=soon())
    assert (fetched.media_type, fetched.content) == ("text/plain", content)
