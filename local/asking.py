"""How a verb reaches the stack that runs in its folder, and how it ends where it cannot.

The exit statuses are those of `transship` (docs/cli.md): 1 for what failed or was refused, 2 for
the command line, 3 where no outcome came in time, 4 for a stack or a topic that is not there, 130
for Ctrl-C.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import click

from local import home

FAILED, USAGE, TIMED_OUT, NOT_REACHED, INTERRUPTED = 1, 2, 3, 4, 130

_TIMEOUT = 30.0

_Verb = TypeVar("_Verb", bound=Callable[..., Any])


class Ended(click.ClickException):
    """An end other than good; *message* is one line that says what would be right."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = status  # type: ignore[misc]  # click reads the instance's


class Verbs(click.Group):
    """Ctrl-C ends a verb quietly, as it ends one of `transship`."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None


def in_folder(verb: _Verb) -> _Verb:
    """Let `--dir` stand behind the verb as well: there the Makefile's ARGS and most people put it.

    The verb takes the folder by `click.pass_obj`, wherever it was named.
    """

    def take(context: click.Context, _parameter: click.Parameter, folder: Path | None) -> None:
        if folder is not None:
            context.obj = folder

    return click.option(
        "--dir",
        type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
        expose_value=False,
        callback=take,
        help="The folder of the stack, here or before the verb.",
    )(verb)


def announced(folder: Path) -> home.Announcement:
    try:
        return home.look(folder)
    except home.NotHere as absent:
        raise Ended(str(absent), NOT_REACHED) from absent


@contextmanager
def answering() -> Iterator[None]:
    """What a client of Google's raises when the stack refuses, or is no longer there."""
    from google.api_core import exceptions  # noqa: PLC0415 - half a second, for two verbs alone

    try:
        yield
    except (
        exceptions.ServiceUnavailable,
        exceptions.RetryError,
        exceptions.GatewayTimeout,
    ) as gone:
        raise Ended(f"the stack does not answer: {gone.message}", NOT_REACHED) from gone
    except exceptions.GoogleAPICallError as refused:
        raise Ended(f"the stack refuses: {refused.message}") from refused


def outcomes(folder: Path, *, after: int, wait: float = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = get(folder, "/outcomes", {"after": after, "wait": wait})
    return found


def get(folder: Path, path: str, query: dict[str, Any]) -> Any:
    return _call(folder, f"{path}?{urlencode(query)}", None)


def post(folder: Path, path: str, sent: dict[str, Any]) -> Any:
    return _call(folder, path, json.dumps(sent).encode())


def _call(folder: Path, target: str, body: bytes | None) -> Any:
    request = urllib.request.Request(
        announced(folder).control + target, body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        # Everything that is sent is an argument of the verb's.
        status = USAGE if refused.code == HTTPStatus.BAD_REQUEST else FAILED
        raise Ended(json.load(refused)["error"], status) from refused
    except OSError as error:
        raise Ended(f"the stack does not answer: {error}", NOT_REACHED) from error
