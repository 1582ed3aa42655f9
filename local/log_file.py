"""What a process says, in a file that does not grow for ever."""

import threading
from pathlib import Path
from typing import IO

LIMIT = 4 * 2**20


class LogFile:
    """The output at the other end of *pipe*: at *limit* bytes the file begins again at the next
    line, and the one before is kept beside it as ``.log.1``.
    """

    def __init__(self, path: Path, pipe: IO[bytes], *, limit: int = LIMIT) -> None:
        self._path = path
        self._pipe = pipe
        self._limit = limit
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self._thread = threading.Thread(target=self._copy, name=f"log-{path.stem}", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Until all that was said is in the file."""
        self._thread.join(5)

    def _copy(self) -> None:
        with self._pipe:
            rest: bytes | None = b""
            while rest is not None:
                rest = self._fill(rest)

    def _fill(self, rest: bytes) -> bytes | None:
        """Begin with *rest*; what belongs into the next file, or None at the end."""
        most = min(self._limit, 65536)
        with self._path.open("ab", buffering=0) as file:
            file.write(rest)
            while True:
                chunk = self._pipe.read1(most)  # type: ignore[attr-defined]  # a buffered pipe
                if not chunk:
                    return None
                size = file.tell() + len(chunk)
                # Who reads along gets whole lines; one without an end is cut, at twice the size.
                line = chunk.rfind(b"\n") + 1 or (len(chunk) if size > 2 * self._limit else 0)
                if size > self._limit and line:
                    file.write(chunk[:line])
                    break
                file.write(chunk)
        self._path.replace(older(self._path))
        return bytes(chunk[line:])


def older(path: Path) -> Path:
    return path.with_suffix(f"{path.suffix}.1")
