"""The verbs of docs/cli.md, as click tells them: ``python -m tools.cli``.

Committed, so that people can read them where they read the rest; ``--check`` writes nothing, and
fails where they are not what the command says.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from transship.cli.app import transship

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"

_WIDTH = 88
_BEGIN, _END = "<!-- made by python -m tools.cli -->\n", "<!-- end -->\n"


def verbs(command: click.Command = transship, *names: str) -> Iterator[str]:
    """A section for each, groups before what is in them."""
    path = (transship.name or "transship", *names)
    context = click.Context(
        command, info_name=" ".join(path), terminal_width=_WIDTH, max_content_width=_WIDTH
    )
    level = "#" * (3 if names else 2)
    yield f"{level} {' '.join(path)}\n\n```text\n{command.get_help(context)}\n```\n\n"
    if isinstance(command, click.Group):
        for name, verb in command.commands.items():
            yield from verbs(verb, *names, name)


def rendered() -> str:
    """The page as it is, with the verbs as they should be."""
    above, _, rest = PAGE.read_text().partition(_BEGIN)
    _, _, below = rest.partition(_END)
    return f"{above}{_BEGIN}\n{''.join(verbs())}{_END}{below}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    if not parser.parse_args(arguments).check:
        PAGE.write_text(rendered())
        return 0
    if PAGE.read_text() == rendered():
        return 0
    print(f"{PAGE.name} is not what the command says; right is: python -m tools.cli")
    return 1


if __name__ == "__main__":
    sys.exit(main())
