"""What a shell offers for a service's name: those that are tracked, where they can be listed.

https://click.palletsprojects.com/en/stable/shell-completion/
"""

import os
from typing import Any

import click

from transship.cli.ending import in_words
from transship.cli.output import Output
from transship.cli.tools import Tools
from transship.deadline import Deadline

# Somebody waits with a finger on the key.
_SECONDS = 3.0


def services(context: click.Context, _: click.Parameter, beginning: str) -> list[str]:
    """Nothing where they cannot be listed: a shell has no place for an error."""
    from transship.cli.tracked import followers  # noqa: PLC0415 - not for --help

    said: dict[str, Any] = {name: context.params.get(name) or "" for name in ("project", "region")}
    try:
        with in_words():
            found = followers(Tools(Output(), os.environ, **said), Deadline.after(_SECONDS))
    except click.ClickException:
        return []
    names = {each.name.service for each in found}
    return sorted(name for name in names if name.startswith(beginning))
