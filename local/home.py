"""The folder of one stack: who holds it, what runs there, and where the others find it.

A stack holds its folder by a lock that the kernel gives back whatever ends the process, so that a
folder left by kill -9 can be taken at once. Nothing is kept over a restart: Cloud Run and Pub/Sub
remember in memory, and half a world would be worse than none.
"""

import fcntl
import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

DEFAULT = Path(__file__).resolve().parent.parent / ".local"

_LOCK = "lock"
_ANNOUNCEMENT = "stack.json"
_LEFT = (_ANNOUNCEMENT, "hub", "mirror", "run", "log")
# A reader holds the lock for an instant; a stack holds it for good.
_PATIENCE, _PAUSE = 1.0, 0.02


class NotHere(Exception):
    """No stack can be had in this folder; the message says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Announcement:
    """What a running stack tells: *control* is its control server, *env* what clients need."""

    pid: int
    control: str
    env: Mapping[str, str]


@contextmanager
def claim(folder: Path) -> Iterator[Path]:
    """Hold *folder*, made empty, until the end of the block. Raises NotHere."""
    with _opened(folder) as lock:
        if not _taken(lock.fileno(), fcntl.LOCK_EX, patience=_PATIENCE):
            raise NotHere(
                f"a stack runs already in {folder}{_holder(folder)}:"
                " end it by Ctrl-C in its terminal, or give another --dir"
            )
        _clear(folder)
        try:
            yield folder
        finally:
            (folder / _ANNOUNCEMENT).unlink(missing_ok=True)


def _opened(folder: Path) -> TextIO:
    """The lock of *folder*, which is made where it is not there."""
    try:
        if folder.exists() and not (folder / _LOCK).exists() and any(folder.iterdir()):
            raise NotHere(
                f"{folder} is not the folder of a stack and not empty: give --dir another"
            )
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / _LOCK).open("a", encoding="utf-8")
    except OSError as error:
        raise NotHere(
            f"{folder} cannot be the folder of a stack ({error.strerror}):"
            " give --dir one that you may make and write to"
        ) from error


def announce(folder: Path, announcement: Announcement) -> None:
    fresh = folder / f"{_ANNOUNCEMENT}.new"
    fresh.write_text(json.dumps(asdict(announcement), indent=1), encoding="utf-8")
    fresh.replace(folder / _ANNOUNCEMENT)


def look(folder: Path) -> Announcement:
    """The stack that runs in *folder*. Raises NotHere."""
    try:
        with (folder / _LOCK).open(encoding="utf-8") as lock:
            if _taken(lock.fileno(), fcntl.LOCK_SH, patience=0):
                raise NotHere(_absent(folder))
            announced = Announcement(**_read(folder))
            if not _lives(announced.pid):  # left by one that was killed; the next is clearing up
                raise NotHere(_starting(folder))
            return announced
    except (FileNotFoundError, NotADirectoryError):
        raise NotHere(_absent(folder)) from None
    except OSError as error:
        raise NotHere(
            f"{folder} cannot be read ({error.strerror}):"
            " name the folder of a stack that you have started"
        ) from error


def _absent(folder: Path) -> str:
    place = "" if folder == DEFAULT else f" --dir {folder}"
    return f"no stack runs in {folder}: start one by `python -m local{place}` in another terminal"


def _starting(folder: Path) -> str:
    return f"the stack in {folder} is just starting: try again in a moment"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def _read(folder: Path) -> dict[str, Any]:
    try:
        announced: dict[str, Any] = json.loads((folder / _ANNOUNCEMENT).read_text("utf-8"))
    except FileNotFoundError:
        raise NotHere(_starting(folder)) from None
    return announced


def _holder(folder: Path) -> str:
    try:
        return f" (process {_read(folder)['pid']})"
    except NotHere:
        return ""


def _taken(descriptor: int, kind: int, *, patience: float) -> bool:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(_PAUSE)
        else:
            return True


def _clear(folder: Path) -> None:
    for name in _LEFT:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path, onerror=_insist)
        else:
            path.unlink(missing_ok=True)


def _insist(remove: Callable[[str], Any], path: str, _error: Any) -> None:
    """An image may hold folders that not even their owner may write to."""
    for place in (os.path.dirname(path), path):  # noqa: PTH120 - rmtree speaks of strings
        os.chmod(place, stat.S_IRWXU)  # noqa: PTH101 - as above
    if os.path.isdir(path):  # noqa: PTH112 - as above
        shutil.rmtree(path)
    else:
        remove(path)
