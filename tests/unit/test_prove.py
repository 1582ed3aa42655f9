"""Reading a blob to its end in constant memory, whatever port it comes from."""

import hashlib
import threading
import tracemalloc
from types import TracebackType
from typing import Self

import pytest

from transship.deadline import Deadline
from transship.errors import RegistryUnavailable
from transship.model.digest import Digest
from transship.model.manifest import Descriptor
from transship.model.ranges import Part
from transship.model.reference import Reference, parse_reference
from transship.prove import Proof, Proofs

MIB = 1024 * 1024
IMAGE = parse_reference("dockersamples/static-site:latest")


class Zeros:
    """A store of blobs of zeros, however long, which are not kept anywhere.

    Each connection ends after *connection* bytes.
    """

    def __init__(self, connection: int | None = None) -> None:
        self.connection = connection
        self.has_ranges = True
        self.opened: list[int] = []
        self.reading = threading.Event()
        self.aborted = threading.Event()
        self.hang = False

    def open_blob(
        self, reference: Reference, blob: Descriptor, *, offset: int, deadline: Deadline
    ) -> "Stream":
        self.opened.append(offset)
        if not self.has_ranges and len(self.opened) > 1:
            self.connection = None  # at last
        return Stream(self, offset if self.has_ranges else 0, blob.size)

    def open_part(
        self, reference: Reference, blob: Descriptor, part: Part, *, deadline: Deadline
    ) -> None:
        raise AssertionError("without a window nothing is read in ranges")


class Stream:
    def __init__(self, store: Zeros, start: int, size: int) -> None:
        self.store = store
        self.start = start
        self._left = min(size - start, store.connection or size)
        self._reaches_end = self._left == size - start

    def read(self, size: int) -> bytes:
        self.store.reading.set()
        if self.store.hang:
            assert self.store.aborted.wait(20)
        if not self._left and not self._reaches_end:
            raise RegistryUnavailable("cut")
        count = min(size, self._left)
        self._left -= count
        return bytes(count)

    def abort(self) -> None:
        self.store.aborted.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


def zeros(size: int) -> Descriptor:
    running = hashlib.sha256()
    for start in range(0, size, MIB):
        running.update(bytes(min(MIB, size - start)))
    digest = Digest(f"sha256:{running.hexdigest()}")
    return Descriptor(media_type="application/octet-stream", digest=digest, size=size)


def soon() -> Deadline:
    return Deadline.after(20)


def test_memory_does_not_grow_with_the_blob() -> None:
    peaks = []
    for size in (4 * MIB, 64 * MIB):
        blob = zeros(size)
        tracemalloc.start()
        Proof(Zeros(), IMAGE, blob).run(soon())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + MIB / 2
    assert peaks[1] < 4 * MIB


def test_many_cuts_are_mended_as_long_as_each_connection_brings_something() -> None:
    store = Zeros(connection=MIB)
    Proof(store, IMAGE, zeros(20 * MIB + 5)).run(soon())
    assert store.opened == [n * MIB for n in range(21)]


def test_what_is_kept_is_the_blob_even_when_it_was_cut() -> None:
    store, kept = Zeros(connection=MIB), bytearray()
    Proof(store, IMAGE, zeros(3 * MIB)).run(soon(), kept)
    assert kept == bytes(3 * MIB)


def test_what_is_kept_starts_over_with_the_blob() -> None:
    store, kept = Zeros(connection=MIB), bytearray()
    store.has_ranges = False
    Proof(store, IMAGE, zeros(3 * MIB)).run(soon(), kept)
    assert kept == bytes(3 * MIB)


def test_a_cut_after_the_deadline_is_not_mended() -> None:
    store = Zeros(connection=MIB)
    with pytest.raises(RegistryUnavailable, match="cut"):
        Proof(store, IMAGE, zeros(3 * MIB)).run(Deadline.after(0))
    assert store.opened == [0]


def test_a_proof_that_was_cancelled_before_it_began_reads_nothing() -> None:
    proof = Proof(Zeros(), IMAGE, zeros(MIB))
    proof.cancel()
    with pytest.raises(RegistryUnavailable, match="not wanted"):
        proof.run(soon())
    assert proof.bytes == 0


def test_leaving_ends_what_is_still_being_read() -> None:
    store = Zeros()
    store.hang = True
    with Proofs(store, IMAGE, total=MIB, deadline=soon(), progress=None) as proofs:
        proofs.begin(zeros(MIB))
        assert store.reading.wait(20)
    assert store.aborted.is_set()


def test_the_deadline_is_kept_while_a_read_hangs() -> None:
    store = Zeros()
    store.hang = True
    with Proofs(store, IMAGE, total=MIB, deadline=Deadline.after(0.1), progress=None) as proofs:
        proofs.begin(zeros(MIB))
        with pytest.raises(RegistryUnavailable, match="0 of 1048576 bytes in the time given"):
            proofs.finish()
