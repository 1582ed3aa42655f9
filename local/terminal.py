"""What a person sees: colours and progress on a terminal, plain lines everywhere else.

NO_COLOR and TERM=dumb are honoured (https://no-color.org).
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

_KILOBYTE, _MEGABYTE = 1000, 1_000_000
_SHORT_DIGEST = len("sha256:") + 12
_QUARTERS = 4
_LABEL = 14


def console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    # A terminal that cannot show a tick is no reason to fail.
    stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # it is a TextIOWrapper
    return Console(file=stream, highlight=False, markup=False, emoji=False)


class Terminal:
    def __init__(self, output: Console) -> None:
        self.console = output
        self._step = 0

    def title(self, text: str) -> None:
        self._print(Text(text, style="bold"))

    def step(self, text: str) -> None:
        self._step += 1
        self._print(Text())
        self._print(Text.assemble((f"{self._step:>2}  ", "bold cyan"), (text, "bold")))

    def done(self, text: str, detail: str = "", *, seconds: float | None = None) -> None:
        time = "" if seconds is None else f"{seconds:5.2f} s  "
        parts = [("    ✓ ", "green"), (time, "dim"), (text, ""), (f"  {detail}", "dim")]
        self._print(Text.assemble(*parts[: 4 if detail else 3]))

    def say(self, text: str, style: str = "") -> None:
        self._print(Text(f"    {text}", style=style))

    def warn(self, text: str) -> None:
        self._print(Text.assemble(("    ! ", "yellow"), text))

    def fail(self, text: str) -> None:
        self._print(Text())
        self._print(Text.assemble((" ✗  ", "bold red"), (text, "bold")))

    def facts(self, facts: Mapping[str, str]) -> None:
        for name, value in facts.items():
            self._print(Text.assemble((f"    {name:<{_LABEL}}", "dim"), value))

    def commands(self, commands: Mapping[str, str]) -> None:
        """Each with what it is for; never broken, so that it can be copied."""
        for command, purpose in commands.items():
            self._print(Text(f"    {purpose}", style="dim"))
            self._print(Text(f"      {command}", style="cyan"))

    @contextmanager
    def progress(self, text: str, total: int) -> Iterator[Callable[[int], None]]:
        """Gives what is to be called with the bytes so far; a few are not worth a word."""
        if total < _MEGABYTE:
            yield lambda _: None
            return
        if not self.console.is_terminal:
            yield self._quarters(text, total)
            return
        columns = (
            TextColumn("      {task.description}"),
            BarColumn(bar_width=24),
            DownloadColumn(),
            TransferSpeedColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as shown:
            task = shown.add_task(text, total=total, visible=False)
            yield lambda now: shown.update(task, completed=now, visible=0 < now < total)

    def _quarters(self, text: str, total: int) -> Callable[[int], None]:
        told = 0

        def tell(now: int) -> None:
            nonlocal told
            quarter = _QUARTERS * now // total if total else 0
            if told < quarter < _QUARTERS:
                self.say(f"{text}: {size(now)} of {size(total)}")
            told = max(told, quarter)

        return tell

    def _print(self, text: Text) -> None:
        self.console.print(text, soft_wrap=True)


def table(output: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on a terminal; without one, a row a line and tabs between, for cut and awk."""
    if not output.is_terminal:
        for row in rows:
            output.file.write("\t".join(row) + "\n")  # print would make spaces of the tabs
        return
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    output.print(shown)


def size(count: int) -> str:
    """
    >>> size(50_331_648), size(1023), size(0)
    ('50.3 MB', '1.0 kB', '0 bytes')
    """
    if count < _KILOBYTE:
        return f"{count} bytes"
    return f"{count / _MEGABYTE:.1f} MB" if count >= _MEGABYTE else f"{count / _KILOBYTE:.1f} kB"


def short(digest: str) -> str:
    return digest if len(digest) <= _SHORT_DIGEST else f"{digest[:_SHORT_DIGEST]}…"
