"""Blobs read to their end, hashed and thrown away.

Memory does not depend on the blob's size, and a stream that is cut goes on where it stopped with
the hash as it was. What is not the very bytes that the digest names never counts.
"""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self

from transship.blobs import READ_SIZE, Blob, Blobs
from transship.deadline import Deadline
from transship.errors import DigestMismatch, RegistryUnavailable
from transship.model.manifest import Descriptor
from transship.model.ranges import Window
from transship.model.reference import Reference
from transship.ranges import RangedRead

# More threads are no faster, and each has a connection and a buffer.
_THREADS = 4
_REPORT_SECONDS = 0.25

# After the manner of containers/image's docker/body_reader.go: a connection has to bring something.
_PROGRESS = 64 * 1024
_FRUITLESS = 3
_CONNECTIONS = 1000


Progress = Callable[[int, int], None]


class Proof:
    """The state of reading *blob* out of *reference*'s repository. One thread runs it.

    With a *window* it is read in ranges as far as that goes: *ranged* bytes.
    """

    def __init__(
        self,
        blobs: Blobs,
        reference: Reference,
        blob: Descriptor,
        *,
        window: Window | None = None,
    ) -> None:
        self._blobs = blobs
        self._reference = reference
        self._blob = blob
        self._hash = hashlib.sha256()
        self._lock = threading.Lock()
        self._open: Blob | None = None
        self._cancelled = False
        self._ranges = None if window is None else RangedRead(blobs, reference, blob, window)
        self.bytes = 0
        self.ranged = 0

    def run(self, deadline: Deadline, keep: bytearray | None = None) -> None:
        """Read to the end. What *keep* is given is proved once this has returned."""
        if self._ranges is not None:
            self._ranges.run(self._add, deadline)
            self.ranged = self.bytes
            self._check_wanted()
            if self.bytes == self._blob.size:
                self._check()
                return
        fruitless = 0
        for _ in range(_CONNECTIONS):
            before = self.bytes
            cut = self._read_on(deadline, keep)
            if cut is None:
                self._check()
                return
            fruitless = 0 if self.bytes - before >= _PROGRESS else fruitless + 1
            if self._cancelled or deadline.passed or fruitless == _FRUITLESS:
                raise cut
        raise RegistryUnavailable(f"{self._blob.digest}: cut {_CONNECTIONS} times")

    def cancel(self) -> None:
        """End a run in another thread: its result is not wanted any more."""
        with self._lock:
            self._cancelled = True
            if self._open is not None:
                self._open.abort()
        if self._ranges is not None:
            self._ranges.cancel()

    def _read_on(self, deadline: Deadline, keep: bytearray | None) -> RegistryUnavailable | None:
        """One connection's worth; returns why it ended too soon, if it did."""
        with self._blobs.open_blob(
            self._reference, self._blob, offset=self.bytes, deadline=deadline
        ) as stream:
            if stream.start != self.bytes:
                self._start_over(keep)
            self._enter(stream)
            try:
                while self._take(stream, keep):
                    pass
            except RegistryUnavailable as error:
                return error
            finally:
                self._leave()
        if self.bytes == self._blob.size:
            return None
        return RegistryUnavailable(
            f"{self._blob.digest}: cut at {self.bytes} of {self._blob.size} bytes"
        )

    def _take(self, stream: Blob, keep: bytearray | None) -> bool:
        """One read. Its bytes are gone before the next, so that a thread never holds two."""
        piece = stream.read(READ_SIZE)
        self._add(piece)
        if keep is not None:
            keep += piece
        return bool(piece)

    def _add(self, piece: bytes | memoryview) -> None:
        self._hash.update(piece)
        self.bytes += len(piece)
        if self.bytes > self._blob.size:
            raise DigestMismatch(
                f"{self._blob.digest}: longer than the {self._blob.size} bytes stated"
            )

    def _start_over(self, keep: bytearray | None) -> None:
        self._hash = hashlib.sha256()
        self.bytes = 0
        if keep is not None:
            keep.clear()

    def _enter(self, stream: Blob) -> None:
        with self._lock:
            self._check_wanted()
            self._open = stream

    def _check_wanted(self) -> None:
        if self._cancelled:
            raise RegistryUnavailable(f"{self._blob.digest}: not wanted any more")

    def _leave(self) -> None:
        with self._lock:
            self._open = None

    def _check(self) -> None:
        found = f"sha256:{self._hash.hexdigest()}"
        if found != self._blob.digest.value:
            raise DigestMismatch(f"{self._blob.digest}: the bytes received are {found}")


class Proofs:
    """The proofs of an image's blobs, a few at a time. Leaving ends those that still run."""

    def __init__(
        self,
        blobs: Blobs,
        reference: Reference,
        *,
        total: int,
        deadline: Deadline,
        progress: Progress | None,
    ) -> None:
        self._blobs = blobs
        self._reference = reference
        self._total = total
        self._deadline = deadline
        self._progress = progress
        self._proofs: list[Proof] = []
        self._jobs: list[Future[None]] = []
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="pull")
        # What is read in ranges has many connections of its own: one at a time.
        self._alone = ThreadPoolExecutor(1, thread_name_prefix="pull")

    def begin(
        self, blob: Descriptor, *, keep: bytearray | None = None, window: Window | None = None
    ) -> None:
        proof = Proof(self._blobs, self._reference, blob, window=window)
        self._proofs.append(proof)
        pool = self._pool if window is None else self._alone
        self._jobs.append(pool.submit(proof.run, self._deadline, keep))

    def finish(self) -> None:
        """Wait for all that were begun. The first that fails fails them all."""
        pending = set(self._jobs)
        while pending:
            left = self._deadline.remaining()
            pause = left if self._progress is None else min(left, _REPORT_SECONDS)
            done, pending = wait(pending, timeout=pause, return_when=FIRST_EXCEPTION)
            for job in self._jobs:
                if job in done:
                    job.result()
            self._report()
            if pending and self._deadline.passed:
                raise RegistryUnavailable(
                    f"{self._reference}: {self._so_far()} of {self._total} bytes in the time given"
                )

    @property
    def ranged(self) -> int:
        return sum(proof.ranged for proof in self._proofs)

    def _so_far(self) -> int:
        return sum(proof.bytes for proof in self._proofs)

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(self._so_far(), self._total)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for proof in self._proofs:
            proof.cancel()
        for pool in (self._pool, self._alone):
            pool.shutdown(cancel_futures=True)
