"""What can be made to go wrong, seen from the other end of the connection."""

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from local import images
from local.clock import Clock
from local.images import AMD64, OCI
from local.registry import DockerHub
from local.registry.faults import Fault, unavailable
from local.registry.wire import Response
from tests.fixtures.wire import Wire

SITE = "dockersamples/static-site"
IMAGE = images.static_site("one")
BLOB = next(IMAGE.child(AMD64).blobs())


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[DockerHub]:
    with DockerHub(tmp_path, Clock()) as hub:
        hub.push(SITE, "latest", IMAGE)
        yield hub


@pytest.fixture
def wire(hub: DockerHub) -> Wire:
    return Wire(address="https://registry-1.docker.io", hosts=hub.hosts)


def test_a_body_is_cut_after_so_many_bytes(hub: DockerHub, wire: Wire) -> None:
    hub.faults.add(Fault(path="/blobs/", cut_after=100))
    answer = wire.blob(SITE, BLOB.digest)
    assert not answer.complete
    assert answer.body == BLOB.read()[:100]


def test_a_cut_body_can_be_resumed_until_it_is_whole(hub: DockerHub, wire: Wire) -> None:
    hub.faults.add(Fault(path="/blobs/", cut_after=BLOB.size // 3 + 1))
    received = b""
    for _ in range(3):
        received += wire.blob(SITE, BLOB.digest, span=f"bytes={len(received)}-").body
    assert received == BLOB.read()


def test_a_corrupt_body_has_the_right_length(hub: DockerHub, wire: Wire) -> None:
    hub.faults.add(Fault(path="/blobs/", corrupt=True))
    answer = wire.blob(SITE, BLOB.digest)
    assert answer.complete
    assert len(answer.body) == BLOB.size
    assert answer.digest != BLOB.digest


def test_a_slow_body_arrives_whole(hub: DockerHub, wire: Wire) -> None:
    size = len(IMAGE.root.content)
    took = []
    for rate in (1000 * size, 4 * size):
        hub.faults.clear()
        hub.faults.add(Fault(path="/manifests/", bytes_per_second=rate))
        start = time.monotonic()
        assert wire.manifest(SITE, "latest").digest == IMAGE.digest
        took.append(time.monotonic() - start)
    assert took == sorted(took)


def test_a_slow_body_does_not_outlive_its_server(hub: DockerHub, wire: Wire) -> None:
    hub.faults.add(Fault(path="/manifests/", bytes_per_second=1))
    token = Wire(address=hub.address).token(f'realm="{hub.address}/token",scope="{_scope()}"')
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=20)
    connection.request(
        "GET", f"/v2/{SITE}/manifests/latest", headers={"Authorization": f"Bearer {token}"}
    )
    response = connection.getresponse()
    hub.close()
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()
    connection.close()


def test_a_digest_header_can_lie(hub: DockerHub, wire: Wire) -> None:
    lie = "sha256:" + "0" * 64
    hub.faults.add(Fault(path="/manifests/", headers={"Docker-Content-Digest": lie}))
    for method in ("HEAD", "GET"):
        answer = wire.manifest(SITE, "latest", method=method)
        assert answer.headers.get_all("Docker-Content-Digest") == [lie]


def test_a_media_type_can_be_wrong(hub: DockerHub, wire: Wire) -> None:
    hub.faults.add(Fault(path="/manifests/", headers={"Content-Type": "text/html"}, times=1))
    assert wire.manifest(SITE, "latest").headers["Content-Type"] == "text/html"
    assert wire.manifest(SITE, "latest").headers["Content-Type"] == OCI.index


def test_a_server_error_is_not_json(hub: DockerHub, wire: Wire) -> None:
    hub.faults.add(unavailable(502, times=1))
    answer = wire.manifest(SITE, "latest")
    assert answer.status == 502
    assert answer.body.startswith(b"<html>")
    assert wire.manifest(SITE, "latest").status == 200


def test_a_fault_for_one_method_spares_the_others(hub: DockerHub, wire: Wire) -> None:
    hub.faults.add(Fault(path="/manifests/", method="HEAD", response=_teapot()))
    assert wire.manifest(SITE, "latest", method="HEAD").status == 418
    assert wire.manifest(SITE, "latest").status == 200


def test_a_fault_happens_as_often_as_it_says(hub: DockerHub, wire: Wire) -> None:
    hub.faults.add(unavailable(path="/manifests/", times=2))
    statuses = [wire.manifest(SITE, "latest").status for _ in range(3)]
    assert statuses == [503, 503, 200]


def test_a_fault_of_bodies_waits_for_a_body(hub: DockerHub, wire: Wire) -> None:
    # The redirect to the blob has the same word in its path, and nothing to corrupt.
    hub.faults.add(Fault(path="/blobs/", corrupt=True, times=1))
    assert wire.blob(SITE, BLOB.digest, method="HEAD").status == 200
    assert wire.blob(SITE, BLOB.digest).digest != BLOB.digest
    assert wire.blob(SITE, BLOB.digest).digest == BLOB.digest


def test_a_connection_is_reset(hub: DockerHub, wire: Wire) -> None:
    hub.faults.add(Fault(path="/v2/", reset=True, times=1))
    with pytest.raises(ConnectionResetError):
        wire.manifest(SITE, "latest")
    assert wire.manifest(SITE, "latest").status == 200


def test_down_refuses_and_resets_and_comes_back_where_it_was(hub: DockerHub, wire: Wire) -> None:
    kept = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=20)
    kept.request("GET", "/v2/")
    kept.getresponse().read()
    hub.refuse_connections()
    with pytest.raises(ConnectionRefusedError):
        wire.manifest(SITE, "latest")
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        _again(kept)
    kept.close()
    hub.accept_connections()
    assert wire.manifest(SITE, "latest").status == 200


def test_one_connection_serves_many_requests(hub: DockerHub) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=20)
    ports = set()
    for _ in range(3):
        connection.request("GET", "/v2/")
        assert connection.getresponse().read()
        ports.add(connection.sock.getsockname()[1])
    connection.close()
    assert len(ports) == 1


def test_a_body_that_nobody_reads_is_not_taken_for_a_request(hub: DockerHub) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=20)
    for method in ("POST", "GET"):
        connection.request(method, "/v2/", b"GET /smuggled HTTP/1.1\r\n\r\n")
        connection.getresponse().read()
    connection.close()
    assert [(seen.path, seen.status) for seen in hub.requests] == [("/v2/", 401), ("/v2/", 401)]


@pytest.mark.parametrize("header", ["Content-Length: many", "Transfer-Encoding: chunked\r\n\r\nzz"])
def test_a_request_that_makes_no_sense_costs_its_client_the_connection(
    hub: DockerHub, wire: Wire, header: str
) -> None:
    with socket.create_connection(("127.0.0.1", hub.port), timeout=20) as connection:
        connection.sendall(f"POST /v2/ HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())
        while connection.recv(4096):
            pass
    assert wire.manifest(SITE, "latest").status == 200


def test_a_request_can_be_sent_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    with DockerHub(tmp_path / "tls", Clock(), tls=server) as hub:
        connection = http.client.HTTPSConnection("127.0.0.1", hub.port, context=client, timeout=20)
        connection.request("GET", "/v2/")
        challenge = connection.getresponse().headers["WWW-Authenticate"]
        connection.close()
    assert f'realm="https://127.0.0.1:{hub.port}/token"' in challenge


def _scope() -> str:
    return f"repository:{SITE}:pull"


def _teapot() -> Response:
    return Response(status=418)


def _again(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/v2/")
    connection.getresponse()
