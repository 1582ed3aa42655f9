"""Globs over canonical references and resource names, as a policy lists them.

`*` stands for any characters within one component, `**` for one or more whole components, and
everything else for itself; a pattern covers the whole text. There is no `?` and no bracket, as in
neither references nor resource names do they stand for themselves. Matching is RE2's, linear in the
length of the text, so that no pattern can hang a function
(https://github.com/google/re2/wiki/WhyRE2).
"""

import re
from functools import lru_cache
from typing import Any

import re2
from msgspec import Struct

from transship.model.reference import (
    DOCKER_HUB,
    DOCKER_HUB_NAMES,
    Reference,
    is_host,
    split_reference,
)

# Longer than any resource name that a policy would spell out.
_LIMIT = 512
_LEGAL = re.compile(r"[A-Za-z0-9._:@/*+~-]+")
_ONE = "[^/]*"
_MANY = "[^/]+(?:/[^/]+)*"


class Pattern(Struct, frozen=True):
    """A glob over texts with components, such as resource names and e-mail addresses.

    >>> Pattern("*@sample-project.iam.gserviceaccount.com").matches(
    ...     "web@sample-project.iam.gserviceaccount.com"
    ... )
    True
    """

    text: str

    def __post_init__(self) -> None:
        """Raises ValueError, which names the pattern: patterns come from the configuration."""
        if len(self.text) > _LIMIT:
            raise ValueError(
                f"the pattern {self.text[:100]!r}... has {len(self.text)} characters, over {_LIMIT}"
            )
        if not _LEGAL.fullmatch(self.text):
            raise ValueError(
                f"the pattern {self.text!r} is wrong; right are the characters of references and"
                " resource names, * within a component and ** for components"
            )
        if any("**" in part and part != "**" for part in self.text.split("/")):
            raise ValueError(
                f"the pattern {self.text!r} is wrong; right is ** as a whole component, as in"
                f" {DOCKER_HUB}/**, and * within one"
            )

    def matches(self, text: str) -> bool:
        return _compiled(self.text).fullmatch(text) is not None

    def __str__(self) -> str:
        return self.text


class ImagePattern(Struct, frozen=True, kw_only=True):
    """A glob over references; a part that it does not name is free.

    A tag beside a digest is its publisher's claim, which a pattern cannot verify: naming tags
    limits what is followed, not which bytes are run.
    """

    name: Pattern
    tag: Pattern | None = None
    digest: Pattern | None = None

    def matches(self, reference: Reference) -> bool:
        digest = None if reference.digest is None else str(reference.digest)
        return (
            self.name.matches(reference.name)
            and _allows(self.tag, reference.tag)
            and _allows(self.digest, digest)
        )

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        digest = f"@{self.digest}" if self.digest is not None else ""
        return f"{self.name}{tag}{digest}"


def parse_image_pattern(text: str) -> ImagePattern:
    """The pattern NAME, NAME:TAG, NAME@DIGEST or NAME:TAG@DIGEST over canonical references.

    `docker.io/library/nginx` allows every tag and digest; `docker.io/library/nginx:1.*` wants a
    tag, so that a digest alone does not match. Raises ValueError, which names the pattern, also for
    one that no canonical reference would match.

    >>> from transship.model.reference import parse_reference
    >>> parse_image_pattern("docker.io/library/*:1.*").matches(parse_reference("nginx:1.27"))
    True
    """
    name, tag, digest = split_reference(text)
    _check_name(name)
    return ImagePattern(
        name=Pattern(name),
        tag=None if tag is None else Pattern(tag),
        digest=None if digest is None else Pattern(digest),
    )


def _check_name(name: str) -> None:
    registry, slash, path = name.partition("/")
    if name != "**" and not (slash and ("*" in registry or is_host(registry))):
        raise ValueError(
            f"the pattern {name!r} names no registry; right is for example"
            f" {DOCKER_HUB}/library/nginx or {DOCKER_HUB}/**"
        )
    if registry in DOCKER_HUB_NAMES and registry != DOCKER_HUB:
        raise ValueError(f"the pattern {name!r} would match nothing; right is {DOCKER_HUB}/{path}")
    if registry == DOCKER_HUB and "/" not in path and path != "**":
        raise ValueError(
            f"the pattern {name!r} would match nothing, as canonical references have a namespace;"
            f" right is {DOCKER_HUB}/library/{path} or {DOCKER_HUB}/**"
        )


def _allows(pattern: Pattern | None, part: str | None) -> bool:
    return pattern is None or (part is not None and pattern.matches(part))


@lru_cache(maxsize=1024)
def _compiled(glob: str) -> Any:
    components = (
        _MANY if component == "**" else _ONE.join(map(re2.escape, component.split("*")))
        for component in glob.split("/")
    )
    return re2.compile("/".join(components))
