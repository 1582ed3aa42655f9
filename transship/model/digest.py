"""The content address of a manifest or blob.

Grammar and registered algorithms: the OCI image specification, descriptor.md, "Digests".
"""

import re

from msgspec import Struct

from transship.errors import InvalidReference

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


class Digest(Struct, frozen=True, order=True):
    """``sha256:`` and 64 lower-case hex digits.

    sha512 is registered too, but neither Docker Hub nor Artifact Registry serves it: refused,
    so that one algorithm has to be proved and not two.

    >>> Digest("sha256:" + "a" * 64).short
    'sha256:aaaaaaaaaaaa'
    """

    value: str

    def __post_init__(self) -> None:
        # fullmatch: `$` would let a trailing newline through.
        if not _SHA256.fullmatch(self.value):
            raise InvalidReference(
                f"not a digest: {self.value[:100]!r}; right is sha256: and 64 lower-case hex digits"
            )

    @property
    def hex(self) -> str:
        return self.value.removeprefix("sha256:")

    @property
    def short(self) -> str:
        """For people; never for comparison."""
        return self.value[: len("sha256:") + 12]

    def __str__(self) -> str:
        return self.value
