"""What an image is called.

The grammar is distribution/reference's (reference.go, regexp.go, normalize.go), on whose edges
public implementations disagree; ours are decided in docs/adr/0003-references.md.
"""

import ipaddress
import re
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from transship.errors import InvalidReference
from transship.model.digest import Digest

DOCKER_HUB = "docker.io"

# distribution/reference: the path, without the host, has at most 255 characters.
_PATH_LIMIT = 255
_TAG_LIMIT = 128
# RFC 1035: 255 octets on the wire, which is 253 characters of text.
_HOST_LIMIT = 253
# Host, path, tag and digest at their longest are below this; a longer text is not looked at.
_TEXT_LIMIT = 1024
_PORT_LIMIT = 65535

# ASCII classes and fullmatch: `\w` is Unicode and `$` matches before a trailing newline.
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_IPV6 = re.compile(r"\[([0-9a-fA-F:]+)\]")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_IDENTIFIER = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_GRAPHIC = re.compile(r"[!-~]+")

# The names under which Docker Hub is reached; one name, so that one allowlist entry covers it.
DOCKER_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


class Reference(Struct, frozen=True, kw_only=True):
    """A repository with a tag, a digest, or both.

    With both, the digest decides what is meant and the tag says what to follow.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    def __post_init__(self) -> None:
        check_registry(self.registry)
        _check_repository(self.repository)
        if self.registry == DOCKER_HUB and "/" not in self.repository:
            raise InvalidReference(
                f"{self.repository!r} lacks its namespace; right is library/{self.repository}"
            )
        if self.tag is not None:
            _check_tag(self.tag)
        if self.tag is None and self.digest is None:
            raise InvalidReference(f"{self.name}: neither a tag nor a digest")

    @property
    def name(self) -> str:
        """Registry and repository, ``docker.io/library/nginx``."""
        return f"{self.registry}/{self.repository}"

    @property
    def identifier(self) -> str:
        """What a registry is asked for: the digest where there is one, else the tag."""
        return str(self.digest or self.tag)

    def pin(self, digest: Digest) -> Self:
        return replace(self, digest=digest)

    def unpinned(self) -> Self:
        """The tag alone, which can move."""
        return replace(self, digest=None)

    def untagged(self) -> Self:
        """The digest alone, which cannot."""
        return replace(self, tag=None)

    @property
    def familiar(self) -> str:
        """As Docker writes it: shorter by what everybody knows.

        >>> parse_reference("docker.io/library/nginx:1.27").familiar
        'nginx:1.27'
        """
        return _shortened(str(self))

    @property
    def familiar_name(self) -> str:
        """The same without tag and digest."""
        return _shortened(self.name)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        digest = f"@{self.digest}" if self.digest is not None else ""
        return f"{self.name}{tag}{digest}"


def parse_reference(text: str) -> Reference:
    """The reference that *text* means, completed as Docker completes it.

    Raises InvalidReference, which says which part is wrong and what would be right.

    >>> str(parse_reference("nginx"))
    'docker.io/library/nginx:latest'
    >>> str(parse_reference("asia-northeast1-docker.pkg.dev/p/docker/library/nginx:1.27"))
    'asia-northeast1-docker.pkg.dev/p/docker/library/nginx:1.27'
    """
    _check_text(text)
    name, tag, digest_text = split_reference(text)
    digest = Digest(digest_text) if digest_text is not None else None
    registry, repository = _split_name(name)
    if tag is None and digest is None:
        tag = "latest"
    return Reference(registry=registry, repository=repository, tag=tag, digest=digest)


def split_reference(text: str) -> tuple[str, str | None, str | None]:
    """Name, tag and digest as they stand there, none of them checked."""
    rest, at, digest = text.partition("@")
    # A colon before the last slash belongs to a port.
    colon = rest.find(":", rest.rfind("/") + 1)
    name, tag = (rest, None) if colon < 0 else (rest[:colon], rest[colon + 1 :])
    return name, tag, digest if at else None


def _split_name(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    # Without a slash everything is a Docker Hub name, `localhost` included.
    registry, repository = (first, rest) if slash and is_host(first) else (DOCKER_HUB, name)
    if registry in DOCKER_HUB_NAMES:
        registry = DOCKER_HUB
        if repository and "/" not in repository:
            repository = f"library/{repository}"
    return registry, repository


def is_host(component: str) -> bool:
    """Whether a name's first component is a host: only if it could be no namespace at Docker Hub.

    Docker's rule, normalize.go, splitDockerDomain.
    """
    return component == "localhost" or bool(re.search(r"[.:A-Z]", component))


def _check_text(text: str) -> None:
    if not text:
        raise InvalidReference("the reference is empty; right is for example nginx:1.27")
    if len(text) > _TEXT_LIMIT:
        raise InvalidReference(f"the reference has {len(text)} characters, over {_TEXT_LIMIT}")
    if not _GRAPHIC.fullmatch(text):
        raise InvalidReference(
            f"the reference has white space, control or non-ASCII characters: {text[:100]!r}"
        )
    if "://" in text:
        raise InvalidReference(f"the reference has a scheme: {text!r}; right is without one")
    # Docker reads both as an image that it holds already, or as a name, depending on the command.
    if identifier := _IDENTIFIER.fullmatch(text):
        raise InvalidReference(
            f"the reference is a digest without a name: {text!r};"
            f" right is NAME@sha256:{identifier[1]}"
        )


def check_registry(registry: str) -> None:
    """Raises InvalidReference unless *registry* is the one way to write a registry's host."""
    if registry in DOCKER_HUB_NAMES - {DOCKER_HUB}:
        raise InvalidReference(
            f"the registry {registry!r} is another name of {DOCKER_HUB}; right is {DOCKER_HUB}"
        )
    # The colons of an IPv6 address stand before its bracket.
    colon = registry.find(":", registry.rfind("]") + 1)
    host, port = (registry, None) if colon < 0 else (registry[:colon], registry[colon + 1 :])
    if port is not None and not (_PORT.fullmatch(port) and int(port) <= _PORT_LIMIT):
        raise InvalidReference(
            f"the port of the registry {registry!r} is wrong; right is a number from 1 to"
            f" {_PORT_LIMIT} without leading zeros"
        )
    if len(host) > _HOST_LIMIT:
        raise InvalidReference(f"the registry has {len(host)} characters, over {_HOST_LIMIT}")
    if not (_HOST.fullmatch(host) or _is_ipv6(host)):
        raise InvalidReference(
            f"the registry {registry!r} is not a host name; right are letters, digits and inner"
            " hyphens, joined by dots, or an IPv6 address in brackets"
        )
    if not is_host(registry):
        raise InvalidReference(
            f"the registry {registry!r} would be read as a namespace of {DOCKER_HUB}; right is a"
            " host with a dot or a port"
        )


def _is_ipv6(host: str) -> bool:
    bracketed = _IPV6.fullmatch(host)
    if not bracketed:
        return False
    try:
        ipaddress.IPv6Address(bracketed[1])
    except ValueError:
        return False
    return True


def _check_repository(repository: str) -> None:
    if not repository:
        raise InvalidReference("the repository is empty; right is for example library/nginx")
    if len(repository) > _PATH_LIMIT:
        raise InvalidReference(
            f"the repository has {len(repository)} characters, over {_PATH_LIMIT}"
        )
    for component in repository.split("/"):
        if _COMPONENT.fullmatch(component):
            continue
        if _COMPONENT.fullmatch(component.lower()):
            raise InvalidReference(
                f"the repository {repository!r} must be lower case; right is {repository.lower()!r}"
            )
        raise InvalidReference(
            f"the component {component!r} of the repository {repository!r} is wrong; right are"
            " lower-case letters and digits, separated by one of . _ __ or hyphens"
        )


def _check_tag(tag: str) -> None:
    if not tag:
        raise InvalidReference("the tag after the colon is empty; right is for example :1.27")
    if len(tag) > _TAG_LIMIT:
        raise InvalidReference(f"the tag has {len(tag)} characters, over {_TAG_LIMIT}")
    if not _TAG.fullmatch(tag):
        raise InvalidReference(
            f"the tag {tag!r} is wrong; right are letters, digits, _ . and -, not beginning with"
            " . or -"
        )


def _shortened(text: str) -> str:
    return text.removeprefix(f"{DOCKER_HUB}/").removeprefix("library/")
