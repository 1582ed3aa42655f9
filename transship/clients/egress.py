"""Where the registry client may connect to.

A registry chooses the address of its token service and of its redirects, so a client that goes
wherever it is told can be sent to the metadata server or into the network it runs in
(https://github.com/google/go-containerregistry/issues/2258). Names are checked, then every address
of the name, and the connection is made to the very address that was checked, so that a second
look-up cannot give another one. docs/adr/0005-egress-guard.md has the rules.
"""

import ipaddress
import re
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from transship.clients.bounded import Bounded
from transship.errors import Refused, RegistryUnavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], list[str]]

# Docker Hub, its token service, and Artifact Registry, which is its own.
DEFAULT_HOSTS = frozenset({"registry-1.docker.io", "auth.docker.io", "*.pkg.dev"})

_METADATA = frozenset({"metadata", "metadata.google.internal", "metadata.goog"})
_LOCAL_SUFFIXES = (".internal", ".localhost", ".local", ".localdomain", ".home.arpa")
_METADATA_ADDRESSES = frozenset(map(ipaddress.ip_address, ("169.254.169.254", "fd00:ec2::254")))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # RFC 4291, 2.4: all that IANA hands out
# In IANA's registries of special-purpose addresses, and global to Python 3.11.
_SPECIAL = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv6Network("3fff::/20"))

_HOST = re.compile(r"[a-z0-9_.:-]{1,253}")

_KEPT_SECONDS = 60.0
_KEPT_HOSTS = 256
# Of each family: one of the two may lead nowhere.
_ADDRESSES_TRIED = 2


class Route(Struct, frozen=True, kw_only=True):
    """One way to a host: where to connect, and under which name to speak to it."""

    scheme: str
    address: str
    port: int
    # The Host header, and the name that the certificate must be for.
    authority: str
    server_name: str


def resolve_by_dns(host: str, port: int) -> list[str]:
    """Every address of *host*. The resolver's own time-out (resolv.conf) bounds the wait."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(answer[4][0]) for answer in answers]


@dataclass(slots=True, kw_only=True)
class Guard:
    """*hosts* may be asked: exact names, or ``*.suffix``; *private* ones at private addresses too.

    *host_map* is the local stack's: ``{"registry-1.docker.io": "http://127.0.0.1:5001"}`` connects
    there and speaks to the production name. What is mapped is not checked further.
    """

    hosts: frozenset[str] = DEFAULT_HOSTS
    private: frozenset[str] = frozenset()
    host_map: Mapping[str, str] = field(default_factory=dict)
    resolve: Resolver = resolve_by_dns
    clock: Callable[[], float] = time.monotonic
    _known: Bounded[tuple[str, int], tuple[float, tuple[str, ...]]] = field(
        default_factory=lambda: Bounded(_KEPT_HOSTS)
    )

    def to_known_host(self, url: str) -> tuple[Route, ...]:
        """Ways to a registry or token service, which must be on the list: credentials go there."""
        parts, host = _split(url)
        if (authority := _authority(parts, host)) in self.host_map:
            return (self._mapped(authority, host),)
        if not _listed(host, self.hosts | self.private):
            raise _refused(f"{host!r} is not among the hosts that may be asked: {self._allowed()}")
        return self._checked(parts, host)

    def to_any_host(self, url: str) -> tuple[Route, ...]:
        """Ways to where a registry redirects: anywhere public, since nothing secret goes there."""
        parts, host = _split(url)
        if (authority := _authority(parts, host)) in self.host_map:
            return (self._mapped(authority, host),)
        return self._checked(parts, host)

    def forget(self, route: Route) -> None:
        """Look *route*'s name up afresh: none of its addresses answered."""
        self._known.drop((route.server_name, route.port))

    def _mapped(self, authority: str, host: str) -> Route:
        target = urlsplit(self.host_map[authority])
        default = 443 if target.scheme == "https" else 80
        return Route(
            scheme=target.scheme,
            address=target.hostname or "",
            port=target.port or default,
            authority=authority,
            server_name=host,
        )

    def _checked(self, parts: SplitResult, host: str) -> tuple[Route, ...]:
        if parts.scheme != "https":
            raise _refused(f"{parts.scheme}://{host} is not https")
        port = parts.port or 443
        is_private = _listed(host, self.private)
        _check_name(host, is_private=is_private)
        return tuple(
            Route(
                scheme="https",
                address=address,
                port=port,
                authority=_authority(parts, host),
                server_name=host,
            )
            for address in self._addresses(host, port, is_private=is_private)
        )

    def _addresses(self, host: str, port: int, *, is_private: bool) -> tuple[str, ...]:
        if (known := self._known.get((host, port))) and self.clock() < known[0]:
            return known[1]
        literal = _literal(host)
        try:
            found = [str(literal)] if literal is not None else self.resolve(host, port)
        except OSError as error:
            raise RegistryUnavailable(f"the name {host!r} cannot be resolved: {error}") from error
        if not found:
            raise RegistryUnavailable(f"the name {host!r} has no address")
        for text in found:
            # One bad address among good ones is enough: the good ones may be bait.
            _check_address(host, text, is_private=is_private)
        addresses = _a_few(found)
        # Kept for a while, so that a name with many addresses does not lose its connections.
        self._known.put((host, port), (self.clock() + _KEPT_SECONDS, addresses))
        return addresses

    def _allowed(self) -> str:
        return ", ".join(sorted(self.hosts | self.private))


def _a_few(addresses: list[str]) -> tuple[str, ...]:
    """Some of each family, in the resolver's order, which puts the reachable ones first."""
    unique = dict.fromkeys(addresses)
    old = [address for address in unique if ":" not in address][:_ADDRESSES_TRIED]
    new = [address for address in unique if ":" in address][:_ADDRESSES_TRIED]
    return tuple(address for address in unique if address in {*old, *new})


def authority_of(url: str) -> str:
    """Host and, where there is one, port; raises Refused where that could be misread."""
    return _authority(*_split(url))


def _split(url: str) -> tuple[SplitResult, str]:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").lower()
        _ = parts.port  # read here, since a wrong one raises only when it is read
    except ValueError as error:
        raise _refused(f"not an address: {error}") from error
    if not _HOST.fullmatch(host):
        raise _refused("the address names no host, or one with characters that no host has")
    if "@" in parts.netloc:
        raise _refused(f"the address of {host!r} has credentials in it")
    return parts, host


def _authority(parts: SplitResult, host: str) -> str:
    """The Host header; made anew, so that nothing of the text as given gets into it."""
    name = f"[{host}]" if ":" in host else host
    return name if parts.port is None else f"{name}:{parts.port}"


def _listed(host: str, names: frozenset[str]) -> bool:
    if host in names:
        return True
    return any(name.startswith("*.") and host.endswith(name[1:]) for name in names)


def _check_name(host: str, *, is_private: bool) -> None:
    if host in _METADATA:
        raise _refused(f"{host!r} is the metadata server")
    if is_private or _literal(host) is not None:
        return
    if "." not in host or host.endswith(_LOCAL_SUFFIXES):
        raise _refused(f"{host!r} is a name of the local network")


def _check_address(host: str, text: str, *, is_private: bool) -> None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError as error:
        raise _refused(f"{host!r} has the address {text[:100]!r}, which is none") from error
    meant = _meaning(address)
    if not (_is_public(meant) or (is_private and _is_intranet(meant))):
        raise _refused(f"{host!r} has the address {text}, which is not public")


def _meaning(address: Address) -> Address:
    """The address where packets end: IPv6 can carry an IPv4 address that somebody translates."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: Address) -> bool:
    if not address.is_global or any(address in network for network in _SPECIAL):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        return address in _GLOBAL_UNICAST
    return not (address.is_multicast or address.is_reserved)


def _is_intranet(address: Address) -> bool:
    """Private, and neither this machine nor its metadata server."""
    return address.is_private and not (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address.is_reserved
        or address in _METADATA_ADDRESSES
    )


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _refused(reason: str) -> Refused:
    return Refused("egress", reason)
