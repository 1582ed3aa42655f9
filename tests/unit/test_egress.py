"""Where the client may go, and where it may not be sent."""

import pytest

from transship.clients.egress import Guard
from transship.errors import Refused, RegistryUnavailable

PUBLIC = "93.184.215.14"


def guard(*addresses: str, **settings: object) -> Guard:
    """A guard for which every name has *addresses*."""
    found = list(addresses or [PUBLIC])
    return Guard(resolve=lambda _host, _port: found, **settings)  # type: ignore[arg-type] # passed through


@pytest.mark.parametrize(
    "url",
    [
        "https://registry-1.docker.io/v2/",
        "https://auth.docker.io/token",
        "https://asia-northeast1-docker.pkg.dev/v2/",
        "https://REGISTRY-1.docker.io./v2/",
    ],
)
def test_known_hosts_are_asked(url: str) -> None:
    [route] = guard().to_known_host(url)
    assert (route.scheme, route.address, route.port) == ("https", PUBLIC, 443)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/v2/",
        "https://docker.io.example.com/v2/",
        "https://pkg.dev/v2/",
        "https://evilpkg.dev/v2/",
        "https://registry-1.docker.io.evil.example/token",
        f"https://{PUBLIC}/token",
    ],
)
def test_other_hosts_get_no_credentials(url: str) -> None:
    with pytest.raises(Refused, match="not among the hosts"):
        guard().to_known_host(url)


def test_a_configured_host_is_known() -> None:
    one = guard(hosts=frozenset({"ghcr.io", "*.example.com"}))
    assert one.to_known_host("https://ghcr.io/v2/")
    assert one.to_known_host("https://registry.example.com:8443/v2/")[0].port == 8443
    with pytest.raises(Refused):
        one.to_known_host("https://registry-1.docker.io/v2/")


def test_a_redirect_may_go_to_any_public_host() -> None:
    [route] = guard().to_any_host("https://production.cloudflare.docker.com/x?signature=s")
    assert (route.server_name, route.authority) == ("production.cloudflare.docker.com",) * 2


@pytest.mark.parametrize("scheme", ["http", "ftp", "file", "gopher", ""])
def test_only_https_is_spoken(scheme: str) -> None:
    with pytest.raises(Refused):
        guard().to_any_host(f"{scheme}://example.com/x")


NAMES = [
    "metadata.google.internal",
    "METADATA.google.internal.",
    "metadata",
    "metadata.goog",
    "anything.internal",
    "localhost",
    "foo.localhost",
    "printer.local",
    "intranet",
    "nas.home.arpa",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_the_local_network_are_refused_whatever_they_resolve_to(name: str) -> None:
    with pytest.raises(Refused):
        guard(PUBLIC).to_any_host(f"https://{name}/computeMetadata/v1/")


NOT_PUBLIC = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",  # noqa: S104 - nothing binds to it here
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "169.254.1.1",
    "192.0.0.192",
    "3fff::1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:db8::1",
    "2001::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "ff0e::1",
    "not an address",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_with_such_an_address_is_refused(address: str) -> None:
    with pytest.raises(Refused):
        guard(address).to_known_host("https://registry-1.docker.io/v2/")
    with pytest.raises(Refused):
        guard(address).to_any_host("https://blobs.example.com/")


@pytest.mark.parametrize("address", NOT_PUBLIC[:-1])
def test_such_an_address_is_refused_as_a_host(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Refused):
        guard(PUBLIC).to_any_host(f"https://{host}/")


@pytest.mark.parametrize(
    "address",
    [PUBLIC, "8.8.8.8", "2606:4700::6810:84e5", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_a_public_address_is_connected_to(address: str) -> None:
    assert guard(address).to_any_host("https://blobs.example.com/")[0].address == address


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1"])
def test_other_spellings_of_an_address_are_looked_up_like_names(host: str) -> None:
    """The C library reads them as addresses: what it makes of them is what counts."""
    with pytest.raises(Refused):
        guard("127.0.0.1").to_any_host(f"https://{host}/")


def test_one_bad_address_among_good_ones_is_enough() -> None:
    with pytest.raises(Refused, match=r"10\.0\.0\.1"):
        guard(PUBLIC, "8.8.8.8", "10.0.0.1").to_any_host("https://blobs.example.com/")


def test_two_addresses_of_each_family_are_tried() -> None:
    new = ["2606:4700::1", "2606:4700::2", "2606:4700::3"]
    old = ["8.8.8.1", "8.8.8.2", "8.8.8.3"]
    routes = guard(*new, *old, *new).to_any_host("https://blobs.example.com/")
    assert [route.address for route in routes] == new[:2] + old[:2]


def test_a_name_that_changes_its_address_is_checked_again() -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    now = [0.0]
    one = Guard(resolve=lambda _host, _port: next(answers), clock=lambda: now[0])
    url = "https://registry-1.docker.io/v2/"
    assert one.to_known_host(url)[0].address == PUBLIC
    # For a while it is the address that was checked, whatever the name says meanwhile.
    assert one.to_known_host(url)[0].address == PUBLIC
    now[0] = 61.0
    with pytest.raises(Refused):
        one.to_known_host(url)


def test_a_name_none_of_whose_addresses_answered_is_looked_up_again() -> None:
    answers = iter([[PUBLIC], ["8.8.8.8"]])
    one = Guard(resolve=lambda _host, _port: next(answers))
    url = "https://registry-1.docker.io/v2/"
    one.forget(one.to_known_host(url)[0])
    assert one.to_known_host(url)[0].address == "8.8.8.8"


def test_a_name_that_cannot_be_resolved_is_worth_another_try() -> None:
    def fails(host: str, port: int) -> list[str]:
        raise OSError(-3, "Temporary failure in name resolution")

    with pytest.raises(RegistryUnavailable, match="Temporary failure"):
        Guard(resolve=fails).to_known_host("https://registry-1.docker.io/v2/")
    with pytest.raises(RegistryUnavailable, match="no address"):
        Guard(resolve=lambda _host, _port: []).to_known_host("https://registry-1.docker.io/v2/")


@pytest.mark.parametrize(
    "url",
    [
        "https://user:password@registry-1.docker.io/v2/",
        "https://registry-1.docker.io\\@127.0.0.1/",
        "https://registry-1.docker.io:port/",
        "https://registry-1.docker.io:99999/",
        "https:///v2/",
        "https://[::1/",
        "https://exämple.com/",
        "https://a b.example.com/",
        "//registry-1.docker.io/",
        "",
    ],
)
def test_an_address_that_two_parsers_could_read_differently_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        guard().to_any_host(url)


def test_a_private_host_may_be_in_the_private_network_but_not_on_this_machine() -> None:
    private = frozenset({"registry.corp.internal"})
    url = "https://registry.corp.internal/v2/"
    assert guard("10.1.2.3", private=private).to_known_host(url)[0].address == "10.1.2.3"
    for address in (
        "127.0.0.1",
        "169.254.169.254",
        "169.254.1.1",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "224.0.0.1",
    ):
        with pytest.raises(Refused):
            guard(address, private=private).to_known_host(url)


def test_no_configuration_opens_the_metadata_server() -> None:
    private = frozenset({"*.internal", "metadata.google.internal"})
    with pytest.raises(Refused, match="metadata"):
        guard("10.1.2.3", private=private).to_known_host("https://metadata.google.internal/")


def test_a_mapped_host_is_reached_where_the_map_says_under_its_own_name() -> None:
    one = guard(host_map={"registry-1.docker.io": "http://127.0.0.1:5001"})
    [route] = one.to_known_host("https://registry-1.docker.io/v2/")
    assert (route.scheme, route.address, route.port) == ("http", "127.0.0.1", 5001)
    assert route.authority == "registry-1.docker.io"


def test_the_map_opens_nothing_else() -> None:
    one = guard("127.0.0.1", host_map={"registry-1.docker.io": "http://127.0.0.1:5001"})
    for url in (
        "https://auth.docker.io/token",
        "http://127.0.0.1:5001/",
        "https://127.0.0.1:5001/",
    ):
        with pytest.raises(Refused):
            one.to_known_host(url)
        with pytest.raises(Refused):
            one.to_any_host(url)


def test_a_refusal_says_which_rule_it_is_and_repeats_no_query() -> None:
    with pytest.raises(Refused) as caught:
        guard().to_any_host("http://example.com/blob?signature=secret")
    assert caught.value.rule == "egress"
    assert "secret" not in str(caught.value)
