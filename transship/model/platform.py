"""What an image runs on.

Names and variants: the OCI image specification, image-index.md, "Platform Variants".
"""

import re
from typing import Self

from msgspec import Struct

from transship.errors import InvalidReference

# Variants that mean the same as none: https://github.com/containerd/platforms, database.go.
_IMPLIED = {"amd64": "v1", "arm64": "v8"}
_PART = re.compile(r"[a-z0-9_]+")


class Platform(Struct, frozen=True, kw_only=True, order=True):
    os: str
    architecture: str
    variant: str = ""

    def normal(self) -> Self:
        """Without the variant that the architecture implies."""
        if self.variant == _IMPLIED.get(self.architecture):
            return type(self)(os=self.os, architecture=self.architecture)
        return self

    def runs(self, offered: "Platform") -> bool:
        """Whether an image made for *offered* may be given to this platform.

        >>> parse_platform("linux/amd64").runs(parse_platform("linux/amd64/v1"))
        True
        >>> parse_platform("linux/amd64").runs(parse_platform("linux/amd64/v3"))
        False
        """
        return self.normal() == offered.normal()

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


# https://cloud.google.com/run/docs/container-contract#languages
CLOUD_RUN = Platform(os="linux", architecture="amd64")


def parse_platform(text: str) -> Platform:
    """
    >>> str(parse_platform("linux/arm64/v8"))
    'linux/arm64/v8'
    """
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(_PART.fullmatch(part) for part in parts):
        raise InvalidReference(
            f"not a platform: {text[:100]!r}; right is os/architecture or os/architecture/variant,"
            " for example linux/amd64"
        )
    return Platform(os=parts[0], architecture=parts[1], variant=parts[2] if parts[2:] else "")
