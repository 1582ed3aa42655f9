"""When a layer is read in ranges, which those are, and what their answers have to say.

Range requests: RFC 9110, section 14. A mirror fills its cache with what it is asked for, and
nobody says what a range does to it: so ranges are for what has been there for long.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from transship.model.manifest import Descriptor

_MIB = 1024 * 1024

# A mirror stores a manifest when it is asked for it, and a layer when it is asked for that: a pull
# that was cut short leaves the one without the other. Within a day it has been redelivered until
# it ended or was given up (infra/subscriptions.tf: 100 attempts are about 16 hours).
_LONG = timedelta(days=1)


class Part(Struct, frozen=True, kw_only=True):
    """The bytes from *start* up to *end*, which is not among them."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start

    @property
    def header(self) -> str:
        """
        >>> Part(start=0, end=10).header
        'bytes=0-9'
        """
        return f"bytes={self.start}-{self.end - 1}"

    def is_stated(self, content_range: str, *, total: int) -> bool:
        """Whether an answer that says *content_range* has this part, of *total* bytes.

        >>> Part(start=5, end=8).is_stated("bytes 5-7/10", total=10)
        True
        >>> Part(start=5, end=8).is_stated("bytes 5-7/11", total=10)
        False
        """
        return content_range.strip().lower() == f"bytes {self.start}-{self.end - 1}/{total}"


class Window(Struct, frozen=True, kw_only=True):
    """How a layer of *least* bytes or more is read: a range of *length* on each connection.

    There is room for fewer ranges than are asked for: the others wait for their first byte.
    """

    # A connection of 20 MB/s brings less in 13 s; to ask the mirror whether it holds the image
    # takes up to 1 s, most of it the loading of a client.
    least: int = 256 * _MIB
    # The whole process is to have 60 MiB at most, of which 30 are there without any of this; the
    # shorter a range, the more of its time is the wait for its first byte (docs/adr/0014-speed.md).
    length: int = 3 * _MIB
    rooms: int = 6
    connections: int = 16

    def suits(self, layer: Descriptor) -> bool:
        return layer.size >= self.least

    def parts(self, size: int) -> Iterator[Part]:
        """All of *size* bytes, in order.

        >>> [part.header for part in Window(length=4).parts(10)]
        ['bytes=0-3', 'bytes=4-7', 'bytes=8-9']
        """
        for start in range(0, size, self.length):
            yield Part(start=start, end=min(start + self.length, size))


def is_long_held(since: datetime | None, now: datetime) -> bool:
    """Whether what the mirror has *since* is there with its layers, as far as can be told."""
    return since is not None and now - since >= _LONG
