"""A huge layer in ranges over several connections, handed on in order.

Only a head start: whatever a range meets, reading goes on as for any other blob, from the bytes
that were handed on, and it is that which says what is wrong.
"""

import contextlib
import itertools
import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from transship.blobs import Blob, Blobs
from transship.deadline import Deadline
from transship.errors import RateLimited, RegistryUnavailable, TransshipError
from transship.model.manifest import Descriptor
from transship.model.ranges import Part, Window
from transship.model.reference import Reference

Take = Callable[[memoryview], None]

# A range that is cut goes on where it stopped; one that is cut more often is not worth it.
_ATTEMPTS = 3

# A copy away from its room, for each connection. 64 KiB take 5 % more processor time, and with
# 1 MiB the copies are as much as the rooms.
_READ_SIZE = 128 * 1024

# One layer at a time in the whole process, whatever is pulled at once: whoever finds it taken
# reads on one connection.
_turn = threading.Lock()


class Ranges(Struct, frozen=True, kw_only=True):
    """Which layers of an image are read in ranges: the huge ones, where it *is_held* for long."""

    is_held: Callable[[Reference], bool]
    window: Window = Window()

    def suited(self, image: Reference, layers: Iterable[Descriptor]) -> dict[Descriptor, Window]:
        """The mirror is asked only where there is a huge one."""
        huge = [layer for layer in layers if self.window.suits(layer)]
        return dict.fromkeys(huge, self.window) if huge and self.is_held(image) else {}


class RangedRead:
    """*blob*'s bytes in order. One thread reads, and any may cancel."""

    def __init__(
        self, blobs: Blobs, reference: Reference, blob: Descriptor, window: Window
    ) -> None:
        self._blobs = blobs
        self._reference = reference
        self._blob = blob
        self._window = window
        self._changed = threading.Condition()
        self._taken = 0  # ranges
        self._open: set[Blob] = set()
        self._cancelled = False

    def run(self, take: Take, deadline: Deadline) -> None:
        """Give *take* all bytes, or those before the first range that cannot be had."""
        if not _turn.acquire(blocking=False):
            return
        try:
            with ThreadPoolExecutor(self._window.connections, "range") as pool:
                try:
                    self._in_order(pool, take, self._unless_cancelled(deadline))
                except RateLimited:
                    raise  # to ask again at once is what it forbids
                except TransshipError:
                    return
                finally:
                    self.cancel()
        finally:
            _turn.release()

    def cancel(self) -> None:
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()
            for stream in self._open:
                stream.abort()

    def _in_order(self, pool: ThreadPoolExecutor, take: Take, deadline: Deadline) -> None:
        rooms = [memoryview(bytearray(self._window.length)) for _ in range(self._window.rooms)]
        parts = enumerate(self._window.parts(self._blob.size))

        def fetch(number: int, part: Part) -> memoryview:
            room = rooms[number % len(rooms)][: part.size]
            self._fetch(part, room, number, deadline)
            return room

        # The first goes alone: whether there are ranges at all is seen there.
        flying = deque(pool.submit(fetch, *first) for first in itertools.islice(parts, 1))
        while flying:
            take(flying.popleft().result())
            with self._changed:
                self._taken += 1
                self._changed.notify_all()
            following = itertools.islice(parts, self._window.connections - len(flying))
            flying.extend(pool.submit(fetch, *each) for each in following)

    def _fetch(self, part: Part, room: memoryview, number: int, deadline: Deadline) -> None:
        """Fill *room* with all of *part*."""
        got = 0
        for _ in range(_ATTEMPTS):
            rest = Part(start=part.start + got, end=part.end)
            with self._opened(rest, deadline) as stream:
                self._await_room(number)
                got += _read_on(stream, room[got:])
            if got == part.size:
                return
        raise RegistryUnavailable(f"{self._blob.digest}: a range is cut {_ATTEMPTS} times")

    @contextlib.contextmanager
    def _opened(self, part: Part, deadline: Deadline) -> Iterator[Blob]:
        self._check_wanted()
        stream = self._blobs.open_part(self._reference, self._blob, part, deadline=deadline)
        if stream is None:
            raise RegistryUnavailable(f"{self._blob.digest}: no {part.header} in the answer")
        with stream:
            with self._changed:
                self._open.add(stream)
            try:
                yield stream
            finally:
                with self._changed:
                    self._open.discard(stream)

    def _await_room(self, number: int) -> None:
        """Until the range that had the room before is taken."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._cancelled or number < self._taken + self._window.rooms
            )
        # Whoever cancelled before the stream was open did not see it.
        self._check_wanted()

    def _unless_cancelled(self, deadline: Deadline) -> Deadline:
        """One that passes at once then, so that no request is made again."""
        return Deadline(
            at=deadline.at, clock=lambda: math.inf if self._cancelled else deadline.clock()
        )

    def _check_wanted(self) -> None:
        if self._cancelled:
            raise RegistryUnavailable(f"{self._blob.digest}: not wanted any more")


def _read_on(stream: Blob, room: memoryview) -> int:
    """How many bytes came; an error while they are read is a cut as good as any."""
    got = 0
    with contextlib.suppress(RegistryUnavailable):
        while got < len(room) and (piece := stream.read(min(_READ_SIZE, len(room) - got))):
            room[got : got + len(piece)] = piece
            got += len(piece)
    return got
