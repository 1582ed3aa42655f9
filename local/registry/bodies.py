"""Bodies of requests as they come, and of responses as faults leave them."""

import io
import re
import threading
from collections.abc import Iterator, Sequence
from email.message import Message
from typing import BinaryIO

from local.registry.faults import Fault

DISCARD_LIMIT = 8 * 1024 * 1024
CHUNK = 1024 * 1024
PIECES_A_SECOND = 20
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]{1,8}")


class RequestBody(io.RawIOBase):
    """Exactly the bytes of one request's body."""

    def readable(self) -> bool:
        return True

    def discard(self) -> bool:
        """Read what is left of it; False when that is more than it is worth."""
        read = 0
        while chunk := self.read(64 * 1024):
            read += len(chunk)
            if read > DISCARD_LIMIT:
                return False
        return True


class _Sized(RequestBody):
    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream = stream
        self._left = length

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed: Buffer
        data = self._stream.read(min(len(buffer), self._left))
        if self._left and not data:
            raise ConnectionError("the request's body ended early")
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)


class _Chunked(RequestBody):
    """https://www.rfc-editor.org/rfc/rfc9112#section-7.1"""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = 0
        self._ended = False

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed: Buffer
        if self._left == 0 and not self._ended:
            size = self._line().partition(b";")[0].strip()
            if not _HEXADECIMAL.fullmatch(size):
                raise ConnectionError(f"not the size of a chunk: {size!r}")
            self._left = int(size, 16)
            if self._left == 0:
                self._ended = True
                while self._line():
                    pass  # trailers
        if self._ended:
            return 0
        data = self._stream.read(min(len(buffer), self._left))
        if not data:
            raise ConnectionError("the request's body ended early")
        self._left -= len(data)
        if self._left == 0:
            self._line()
        buffer[: len(data)] = data
        return len(data)

    def _line(self) -> bytes:
        return self._stream.readline(1024).rstrip(b"\r\n")


def request_body(stream: BinaryIO, headers: Message) -> RequestBody:
    if "chunked" in str(headers.get("Transfer-Encoding", "")).lower():
        return _Chunked(stream)
    length = headers.get("Content-Length") or "0"
    if not length.isdigit():
        raise ConnectionError(f"not a length: {length!r}")
    return _Sized(stream, int(length))


def spoiled(
    chunks: Iterator[bytes], length: int, faults: Sequence[Fault], closing: threading.Event
) -> Iterator[bytes | None]:
    """*chunks* as the faults let them through; None says that the connection breaks here."""
    cut = min((f.cut_after for f in faults if f.cut_after is not None), default=None)
    rate = min((f.bytes_per_second for f in faults if f.bytes_per_second), default=None)
    corrupted = length // 2 if length and any(fault.corrupt for fault in faults) else None
    step = max(rate // PIECES_A_SECOND, 1) if rate else CHUNK
    sent = 0
    for chunk in chunks:
        for start in range(0, len(chunk), step):
            piece = chunk[start : start + step]
            if corrupted is not None and sent <= corrupted < sent + len(piece):
                position = corrupted - sent
                flipped = bytes([piece[position] ^ 1])
                piece = piece[:position] + flipped + piece[position + 1 :]
            if cut is not None and sent + len(piece) > cut:
                yield piece[: cut - sent]
                yield None
                return
            yield piece
            sent += len(piece)
            if rate and sent < length and closing.wait(len(piece) / rate):
                yield None
                return
