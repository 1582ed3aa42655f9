"""The functions' logs: JSON lines, read while they are written."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.log_file import older

# Said by the line's place, or of use to Cloud Logging only.
_UNSHOWN = {"message", "severity", "logging.googleapis.com/labels", "logging.googleapis.com/trace"}
_TAIL = 64 * 1024
_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")


class Logbook:
    """Gives each line once, from where the file ended when this was made."""

    def __init__(self, path: Path, *, from_start: bool = False) -> None:
        self._path = path
        # The file may begin again (local/log_file.py): which one it was tells its number.
        found = None if from_start or not path.exists() else path.stat()
        self._file, self._position = (found.st_ino, found.st_size) if found else (0, 0)

    def new_lines(self) -> list[str]:
        """The complete ones."""
        try:
            with self._path.open("rb") as file:
                number = os.fstat(file.fileno()).st_ino
                before = self._rest_of_older() if number != self._file else b""
                if number != self._file:
                    self._file, self._position = number, 0
                file.seek(self._position)
                content = file.read()
        except FileNotFoundError:
            return []
        end = content.rfind(b"\n") + 1
        self._position += end
        return (before + content[:end]).decode(errors="replace").splitlines()

    def _rest_of_older(self) -> bytes:
        """What came into the file before it began again; of two such times in one, the last."""
        try:
            with older(self._path).open("rb") as file:
                is_known = os.fstat(file.fileno()).st_ino == self._file
                file.seek(self._position if is_known else 0)
                return file.read()
        except FileNotFoundError:
            return b""

    def new_entries(self) -> list[dict[str, Any]]:
        return [entry for line in self.new_lines() if (entry := parsed(line))]


def tail(path: Path, lines: int) -> list[str]:
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL, 0))
        return file.read().decode(errors="replace").splitlines()[-lines:]


def parsed(line: str) -> dict[str, Any]:
    """Empty for what is not an entry, a traceback for example."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def readable(line: str) -> str:
    """
    >>> readable('{"severity": "INFO", "message": "image pulled", "blobs": 3}')
    'INFO image pulled blobs=3'

    Digests are shortened; the file has them whole.
    """
    entry = parsed(line)
    if not entry:
        return line
    fields = " ".join(f"{key}={_text(value)}" for key, value in _shown(entry).items())
    text = f"{entry.get('severity', '')} {entry.get('message', '')} {fields}".strip()
    return _DIGEST.sub(r"\1…", text)


def _shown(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in _UNSHOWN}


def _text(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, str) or " " in value else value
