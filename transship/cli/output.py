"""What a person or a program sees: tables on a terminal, plain lines in a pipe, JSON on request.

Results go to stdout and everything else to stderr, which stays silent in a pipe. NO_COLOR and
TERM=dumb are honoured (https://no-color.org); nothing that came from a message or an image is read
as markup.
"""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from rich.console import Console

_MARKS = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("…", "yellow")}
_GAP = 2
# So wide a sentence can still be read when it is broken into lines.
_SENTENCE = 30
_KILOBYTE, _MEGABYTE = 1000, 1_000_000
_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")


class Output:
    """*json* asks for documents; else tables where stdout is a terminal, and lines where not."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json

    @cached_property
    def console(self) -> "Console":
        return _console(sys.stdout)

    @cached_property
    def notes(self) -> "Console":
        return _console(sys.stderr)

    @property
    def is_watched(self) -> bool:
        """Somebody sits there: for questions, progress and what is said on the way."""
        return sys.stdout.isatty() and sys.stderr.isatty()

    def say(self, text: str) -> None:
        """On the way; not for programs."""
        if self.is_watched and not self.json:
            self.notes.print(text, style="dim", soft_wrap=True)

    def warn(self, text: str) -> None:
        """What a program's log should have, too."""
        click.echo(f"warning: {text}", err=True)

    def document(self, document: Mapping[str, Any]) -> None:
        """One JSON document."""
        click.echo(encoded(document))

    def rows(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        documents: Iterable[Mapping[str, Any]],
        *,
        empty: str,
    ) -> None:
        """A table; tabs between and a row a line in a pipe; a JSON document a line on request."""
        if self.json:
            for document in documents:
                self.document(document)
            return
        found = list(rows)
        if not self.console.is_terminal:
            for row in found:
                click.echo("\t".join(row))
            return
        if not found:
            self.say(empty)
            return
        # What is empty in every row says nothing.
        shown = [n for n in range(len(columns)) if any(row[n] for row in found)]
        names = [columns[number] for number in shown]
        cells = [[short_digests(row[number]) for number in shown] for row in found]
        if self._has_room(names, cells):
            self._table(names, cells)
            return
        # Nothing is cut or broken into letters for want of room.
        for row in cells:
            self.facts(row[0], dict(zip(names[1:], row[1:], strict=True)), mark=False)

    def _has_room(self, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> bool:
        """For all columns but the last, which may be broken between its words."""
        widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
        last = min(widths[-1], _SENTENCE)
        return sum(widths[:-1]) + last + _GAP * (len(widths) - 1) <= self.console.width

    def _table(self, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
        from rich.table import Table  # noqa: PLC0415 - half of what --help would take
        from rich.text import Text  # noqa: PLC0415 - as above

        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
        for number, column in enumerate(columns, 1):
            table.add_column(column, overflow="fold", no_wrap=number < len(columns))
        for row in cells:
            table.add_row(*map(Text, row))
        self.console.print(table)

    def facts(
        self,
        title: str,
        facts: Mapping[str, str],
        *,
        good: bool | None = True,
        mark: bool = True,
    ) -> None:
        """A headline, and what is not empty of *facts*; *good* None: neither, it is under way."""
        if not self.console.is_terminal:
            click.echo(title)
            for name, value in facts.items():
                if value:
                    click.echo(f"{name}\t{value}")
            return
        from rich.text import Text  # noqa: PLC0415 - half of what --help would take

        sign, style = _MARKS[good]
        beginning = [(f"{sign} ", style)] if mark else []
        self.console.print(Text.assemble(*beginning, (title, "bold")), soft_wrap=True)
        width = max((len(name) for name, value in facts.items() if value), default=0)
        for name, value in facts.items():
            if value:
                # Never broken, so that it can be copied.
                line = Text.assemble((f"  {name:<{width}}  ", "dim"), value)
                self.console.print(line, soft_wrap=True)


def encoded(document: Mapping[str, Any]) -> str:
    return msgspec.json.encode(document).decode()


def size(count: int) -> str:
    """
    >>> size(50_331_648), size(1023), size(0)
    ('50.3 MB', '1.0 kB', '0 bytes')
    """
    if count < _KILOBYTE:
        return f"{count} bytes"
    return f"{count / _MEGABYTE:.1f} MB" if count >= _MEGABYTE else f"{count / _KILOBYTE:.1f} kB"


def when(time: datetime) -> str:
    """A moment, as the page has it too, so that what one reader quotes another finds.

    >>> when(datetime.fromisoformat("2026-11-24T20:22:48.958+09:00"))
    '2026-11-24 11:22:48 UTC'
    """
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def short_digests(text: str) -> str:
    """Enough of a digest for the eye.

    >>> short_digests("nginx@sha256:" + "a" * 64)
    'nginx@sha256:aaaaaaaaaaaa'
    """
    return _DIGEST.sub(r"\1", text)


def _console(stream: Any) -> "Console":
    from rich.console import Console  # noqa: PLC0415 - half of what --help would take

    if hasattr(stream, "reconfigure"):
        # A terminal that cannot show a tick is no reason to fail.
        stream.reconfigure(errors="replace")
    return Console(file=stream, highlight=False, markup=False, emoji=False)
