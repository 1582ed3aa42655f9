"""Blobs as what proves them reads them: the port, and the size of a read."""

from types import TracebackType
from typing import Protocol, Self

from transship.deadline import Deadline
from transship.model.manifest import Descriptor
from transship.model.ranges import Part
from transship.model.reference import Reference

# Reads of 16 KiB cost twice the processor time, and 4 MiB are no faster.
READ_SIZE = 1024 * 1024


class Blob(Protocol):
    """A blob's bytes from *start* on. A read gives nothing at the end, and fewer only there."""

    @property
    def start(self) -> int: ...

    def read(self, size: int) -> bytes: ...

    def abort(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Blobs(Protocol):
    """The part of the distribution API that serves blobs."""

    def open_blob(
        self, reference: Reference, blob: Descriptor, *, offset: int, deadline: Deadline
    ) -> Blob: ...

    def open_part(
        self, reference: Reference, blob: Descriptor, part: Part, *, deadline: Deadline
    ) -> Blob | None: ...
