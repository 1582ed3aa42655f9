"""A blob on its way, possibly the rest of one.

Range requests: RFC 9110, sections 14.2 to 14.4; registries SHOULD support them.
"""

import re
from types import TracebackType
from typing import Self

from transship.clients.answer import Answer
from transship.errors import DigestMismatch
from transship.model.manifest import Descriptor
from transship.model.ranges import Part

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)", re.IGNORECASE)


class BlobAnswer:
    """The bytes of *part* of a blob. Nothing about them is believed but their number."""

    def __init__(self, answer: Answer, *, part: Part, blob: Descriptor) -> None:
        self._answer = answer
        self.start = part.start
        length = answer.headers.get("content-length", "")
        # A registry that announces another length holds other bytes: not worth reading.
        if length.isascii() and length.isdigit() and int(length[:19]) != part.size:
            answer.close()
            raise DigestMismatch(
                f"{blob.digest}: {answer.host} has {length[:19]} bytes from {part.start} on;"
                f" right is {part.size}"
            )

    def read(self, size: int) -> bytes:
        return self._answer.read(size)

    def abort(self) -> None:
        """End a read that another thread is waiting in."""
        self._answer.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._answer.close()


def continues(content_range: str, *, start: int, size: int) -> bool:
    """Whether a part that is said to be *content_range* is all from *start* on, of *size* bytes.

    >>> continues("bytes 5-9/10", start=5, size=10)
    True
    >>> continues("bytes 4-9/10", start=5, size=10)
    False
    """
    match = _CONTENT_RANGE.fullmatch(content_range.strip())
    if match is None:
        return False
    first, last, total = match.groups()
    return int(first) == start and int(last) == size - 1 and total in ("*", str(size))
