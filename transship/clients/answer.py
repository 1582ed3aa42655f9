"""What came back from a registry: read in pieces, to a limit, before a deadline."""

import contextlib
from types import TracebackType
from typing import Self

from urllib3 import BaseHTTPResponse, HTTPHeaderDict
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from transship.deadline import Deadline
from transship.errors import InvalidManifest, RegistryUnavailable, TransshipError

ERROR_LIMIT = 64 * 1024


class Answer:
    """*host* is who answered; *is_redirected* says that it was not asked in the first place."""

    def __init__(self, response: BaseHTTPResponse, *, host: str, deadline: Deadline) -> None:
        self._response = response
        self._deadline = deadline
        self.host = host
        self.status = response.status
        self.is_redirected = False

    @property
    def headers(self) -> HTTPHeaderDict:
        return self._response.headers

    def read(self, size: int) -> bytes:
        """*size* bytes, or what is left of the body: nothing at its end.

        Large reads are what makes a pull fast: docs/adr/0004-urllib3-large-reads.md.
        """
        self._check_deadline()
        try:
            return self._response.read(size, decode_content=False)
        except HTTPError as error:
            raise unavailable(self.host, error) from error

    def document(self, limit: int, *, too_long: type[TransshipError] = InvalidManifest) -> bytes:
        """The whole body; an error *too_long* if it has more than *limit* bytes."""
        content = self._up_to(limit + 1)
        if len(content) > limit:
            self.close()
            raise too_long(f"{self.host} answers with a document of over {limit} bytes")
        return content

    def complaint(self) -> bytes:
        """The beginning of an error's body, or nothing: why it failed must not hide that it did."""
        try:
            return self._up_to(ERROR_LIMIT)
        except RegistryUnavailable:
            return b""
        finally:
            self.close()

    def discard(self) -> None:
        """Read what is left, if that is little: then the connection can be used again."""
        self.complaint()

    def _up_to(self, limit: int) -> bytes:
        content = bytearray()
        while len(content) < limit:
            self._check_deadline()
            try:
                # One receive at a time, so that a slow body meets the deadline between two.
                piece = self._response.read1(limit - len(content), decode_content=False)
            except HTTPError as error:
                raise unavailable(self.host, error) from error
            if not piece:
                break
            content += piece
        return bytes(content)

    def _check_deadline(self) -> None:
        if self._deadline.passed:
            self.close()
            raise RegistryUnavailable(f"no time is left to read from {self.host}")

    def abort(self) -> None:
        """End a read that another thread is waiting in."""
        # The connection may have gone back to its pool between two reads: nothing to end then.
        with contextlib.suppress(RuntimeError, ValueError, OSError):
            self._response.shutdown()

    def close(self) -> None:
        """Give up what was not read. A connection whose body was read is back in its pool."""
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def unavailable(host: str, error: HTTPError) -> RegistryUnavailable:
    """Without the text of most errors, since it may hold an address with a signature."""
    kinds = (NewConnectionError, ConnectTimeoutError, ReadTimeoutError, SSLError)
    said = str(error) if isinstance(error, kinds) else type(error).__name__
    # urllib3 puts its own connection before what went wrong.
    reason = said.partition("): ")[2] or said
    return RegistryUnavailable(f"{host}: {reason}")
