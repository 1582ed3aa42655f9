"""Connections to a registry: kept, made again, and given up at the deadline."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.unit.registry_site import SITE_DIGEST, site
from tests.unit.scripted_registry import (
    AT_ONCE,
    HUB,
    STATIC_SITE,
    client_of,
    digest_of,
    scripted,
    soon,
)
from transship.clients.egress import Guard
from transship.clients.registry import RegistryClient
from transship.clients.retries import Retries
from transship.clients.transport import Timeouts
from transship.deadline import Deadline
from transship.errors import RegistryUnavailable
from transship.model.manifest import OCI_MANIFEST, Descriptor


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
