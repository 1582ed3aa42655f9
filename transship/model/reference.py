"""What an image is called.

The grammar is distribution/reference's (reference.go, regexp.go, normalize.go), on whose edges
public implementations disagree; ours are decided in docs/adr/0003-references.md.
"""

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Self

from transship.errors import InvalidReference
from transship.model.digest import Digest

DOCKER_HUB = "docker.io"

# distribution/reference: the path, without the host, has at most 255 characters.
_PATH_LIMIT = 255
_TAG_LIMIT = 128
# Host, path, tag and digest at their longest are below this; a longer text is not looked at.
_TEXT_LIMIT = 1024
_PORT_LIMIT = 65535

# ASCII classes and fullmatch: `\w` is Unicode and `$` matches before a trailing newline.
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_IPV6 = re.compile(r"\[([0-9a-fA-F:]+)\]")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PORT = re.compile(r"[0-9]{1,5}")
_IDENTIFIER = re.compile(r"[0-9a-f]{64}")
_GRAPHIC = re.compile(r"[!-~]+")

# The names under which Docker Hub is reached; one name, so that one allowlist entry covers it.
_DOCKER_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Reference:
    """A repository with a tag, a digest, or both.

    With both, the digest decides what is meant and the tag says what to follow.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    def __post_init__(self) -> None:
        _check_registry(self.registry)
        _check_repository(self.repository)
        if self.registry in _DOCKER_HUB_NAMES - {DOCKER_HUB}:
            raise InvalidReference(f"{self.registry} is another name of {DOCKER_HUB}")
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
    rest, at, digest_text = text.partition("@")
    digest = Digest(digest_text) if at else None
    # A colon before the last slash belongs to a port.
    colon = rest.find(":", rest.rfind("/") + 1)
    name, tag = (rest, None) if colon < 0 else (rest[:colon], rest[colon + 1 :])
    registry, repository = _split(name)
    if tag is None and digest is None:
        tag = "latest"
    return Reference(registry=registry, repository=repository, tag=tag, digest=digest)


def _split(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    # Docker's rule: the first component is a host only if it could not be the namespace of a
    # Docker Hub repository. Without a slash everything is a Hub name, `localhost` included.
    is_host = first == "localhost" or bool(re.search(r"[.:A-Z]", first))
    registry, repository = (first, rest) if slash and is_host else (DOCKER_HUB, name)
    if registry in _DOCKER_HUB_NAMES:
        registry = DOCKER_HUB
        if repository and "/" not in repository:
            repository = f"library/{repository}"
    return registry, repository


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
    if _IDENTIFIER.fullmatch(text):
        raise InvalidReference(
            f"64 hex digits are an identifier, not a name: {text!r}; right is NAME@sha256:{text}"
        )


def _check_registry(registry: str) -> None:
    # The colons of an IPv6 address stand before its bracket.
    colon = registry.find(":", registry.rfind("]") + 1)
    host, port = (registry, None) if colon < 0 else (registry[:colon], registry[colon + 1 :])
    if port is not None and not (_PORT.fullmatch(port) and int(port) <= _PORT_LIMIT):
        raise InvalidReference(
            f"the port of the registry {registry!r} is wrong; right is a number up to {_PORT_LIMIT}"
        )
    if not (_HOST.fullmatch(host) or _is_ipv6(host)):
        raise InvalidReference(
            f"the registry {registry!r} is not a host name; right are letters, digits and inner"
            " hyphens, joined by dots, or an IPv6 address in brackets"
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
