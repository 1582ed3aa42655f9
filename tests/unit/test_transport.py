"""Connections over TLS: to the address that was checked, under the name that was asked for."""

import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import trustme

from tests.unit.scripted_registry import (
    AT_ONCE,
    CDN,
    HUB,
    STATIC_SITE,
    Asked,
    Contents,
    Reply,
    ScriptedRegistry,
    digest_of,
    random_bytes,
    scripted,
    soon,
)
from transship.clients.egress import Guard, Route
from transship.clients.registry import RegistryClient
from transship.clients.retries import Retries
from transship.clients.transport import Transport
from transship.deadline import Deadline
from transship.errors import RegistryUnavailable
from transship.model.platform import CLOUD_RUN
from transship.model.reference import parse_reference
from transship.pull import pull


class Bent(Guard):
    """Checks names and addresses as always; then every way leads to this machine."""

    port: int
    tried: list[str]

    def to_known_host(self, url: str) -> tuple[Route, ...]:
        return self._bent(super().to_known_host(url))

    def to_any_host(self, url: str) -> tuple[Route, ...]:
        return self._bent(super().to_any_host(url))

    def _bent(self, routes: tuple[Route, ...]) -> tuple[Route, ...]:
        self.tried += [route.address for route in routes]
        return tuple(
            Route(
                scheme=route.scheme,
                address="127.0.0.1",
                port=self.port,
                authority=route.authority,
                server_name=route.server_name,
            )
            for route in routes
        )


def bent(registry: ScriptedRegistry) -> Bent:
    guard = Bent(resolve=lambda _host, _port: ["93.184.215.14"])
    guard.port, guard.tried = registry.port, []
    return guard


@dataclass(frozen=True, kw_only=True)
class Authority:
    ca: trustme.CA
    file: str

    def server(self, *names: str) -> tuple[ssl.SSLContext, list[str | None]]:
        """A server's context with a certificate for *names*, and the names clients ask it for."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(context)
        asked: list[str | None] = []
        context.sni_callback = lambda _socket, name, _context: asked.append(name)
        return context, asked


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    ca = trustme.CA()
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    return Authority(ca=ca, file=str(file))


@pytest.fixture
def site() -> Contents:
    contents = Contents()
    contents.add_image([b"layer"], "latest")
    return contents


def test_the_name_is_kept_where_the_address_is_connected_to(
    authority: Authority, site: Contents
) -> None:
    tls, names = authority.server(HUB)
    with scripted(site, tls) as registry:
        guard = bent(registry)
        client = RegistryClient(guard, ca_file=authority.file, retries=AT_ONCE)
        client.head(STATIC_SITE, deadline=soon())
        client.close()
    assert guard.tried == ["93.184.215.14"]
    assert names == [HUB]
    assert [asked.host for asked in registry.asked] == [HUB]


@pytest.mark.parametrize("name", ["example.com", "docker.io", "127.0.0.1", "localhost"])
def test_a_certificate_for_another_name_is_not_accepted(
    authority: Authority, site: Contents, name: str
) -> None:
    tls, _ = authority.server(name)
    with scripted(site, tls) as registry:
        client = RegistryClient(bent(registry), ca_file=authority.file, retries=Retries(attempts=1))
        with pytest.raises(RegistryUnavailable, match="certificate"):
            client.head(STATIC_SITE, deadline=soon())
        client.close()
    assert registry.asked == []


def test_a_certificate_of_nobody_known_is_not_accepted(
    authority: Authority, site: Contents
) -> None:
    tls, _ = authority.server(HUB)
    with scripted(site, tls) as registry:
        client = RegistryClient(bent(registry), retries=Retries(attempts=1))
        with pytest.raises(RegistryUnavailable, match="certificate"):
            client.head(STATIC_SITE, deadline=soon())
        client.close()
    assert registry.asked == []


def test_an_image_is_pulled_over_tls_with_its_blobs_on_another_host(
    authority: Authority, site: Contents
) -> None:
    def respond(asked: Asked) -> Reply:
        if "/blobs/" in asked.path and asked.host == HUB:
            return Reply(status=307, headers=[("Location", f"https://{CDN}{asked.path}")])
        return site(asked)

    tls, names = authority.server(HUB, CDN)
    with scripted(respond, tls) as registry:
        client = RegistryClient(bent(registry), ca_file=authority.file, retries=AT_ONCE)
        assert pull(client, STATIC_SITE, CLOUD_RUN, deadline=soon()).blobs == 2
        client.close()
    assert set(names) == {HUB, CDN}


def test_the_deadline_ends_a_read_that_hangs_over_tls(authority: Authority) -> None:
    layer = random_bytes(1024 * 1024)
    contents = Contents()
    contents.add_image([layer], "latest")
    never = threading.Event()

    def respond(asked: Asked) -> Reply:
        if asked.path.endswith(str(digest_of(layer))):
            return Reply(body=layer, hold=never)
        return contents(asked)

    tls, _ = authority.server(HUB)
    with scripted(respond, tls) as registry:
        client = RegistryClient(bent(registry), ca_file=authority.file, retries=AT_ONCE)
        with pytest.raises(RegistryUnavailable):
            pull(client, STATIC_SITE, CLOUD_RUN, deadline=Deadline.after(1))
        client.close()
        never.set()


def test_a_mapped_host_may_speak_tls_too(authority: Authority, site: Contents) -> None:
    tls, names = authority.server(HUB)
    with scripted(site, tls) as registry:
        guard = Guard(host_map={HUB: registry.url})
        client = RegistryClient(guard, ca_file=authority.file, retries=AT_ONCE)
        client.head(STATIC_SITE, deadline=soon())
        client.close()
    assert names == [HUB]


class Several(Guard):
    """Has a dead address before a living one."""

    port: int
    forgotten: str = ""

    def forget(self, route: Route) -> None:
        self.forgotten = route.server_name

    def to_known_host(self, url: str) -> tuple[Route, ...]:
        return tuple(
            Route(
                scheme="http",
                address=address,
                port=self.port,
                authority=HUB,
                server_name=HUB,
            )
            for address in ("127.255.255.254", "127.0.0.1")
        )


def test_the_next_address_is_tried_when_one_does_not_take_connections(site: Contents) -> None:
    with scripted(site) as registry:
        guard = Several()
        guard.port = registry.port
        transport = Transport(guard)
        url = f"https://{HUB}/v2/dockersamples/static-site/manifests/latest"
        with transport.send("GET", url, {}, deadline=soon()) as answer:
            assert answer.status == 200
        transport.close()
    assert guard.forgotten == ""


def test_a_name_whose_addresses_all_fail_is_forgotten(site: Contents) -> None:
    with scripted(site) as registry:
        guard = Several()
        guard.port = registry.port
    transport = Transport(guard)
    with pytest.raises(RegistryUnavailable, match="Connection refused"):
        transport.send("GET", f"https://{HUB}/v2/", {}, deadline=soon())
    transport.close()
    assert guard.forgotten == HUB


@pytest.fixture
def own_name(site: Contents) -> Iterator[ScriptedRegistry]:
    with scripted(site) as registry:
        yield registry


def test_a_registry_on_a_port_is_asked_with_its_port_in_host(own_name: ScriptedRegistry) -> None:
    authority = f"127.0.0.1:{own_name.port}"
    client = RegistryClient(Guard(host_map={authority: own_name.url}), retries=AT_ONCE)
    client.head(parse_reference(f"{authority}/dockersamples/static-site:latest"), deadline=soon())
    client.close()
    assert [asked.host for asked in own_name.asked] == [authority]


def test_the_client_loads_no_other_http_library() -> None:
    """Each costs every cold start; and google.auth's transport must not come in by accident."""
    program = (
        "import sys, transship.clients.registry, transship.pull, transship.shared_pulls\n"
        "others = {'requests', 'httpx', 'aiohttp', 'grpc', 'google.auth', 'cryptography'}\n"
        "print(sorted(others & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "[]"
