"""`python -m local`: the cloud on this machine, from a terminal.

    up      the stack, in the foreground (what is done without a verb)
    demo    the main job, shown
    env     where the running stack is, for a shell's eval

The rest speaks to the stack that runs in the same folder.
"""

import os
import shlex
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import click

from local import demo as demonstration
from local import home, verbs
from local.asking import Ended, Verbs, announced, in_folder
from local.chosen import chosen
from local.front_door import Auth
from local.invitation import next_commands
from local.routes import ATTEMPTS
from local.running import Running, running
from local.samples import samples
from local.terminal import Terminal, console

_FAILED = 1


@click.group(cls=Verbs, invoke_without_command=True)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
    default=home.DEFAULT,
    envvar="TRANSSHIP_LOCAL_DIR",
    help="The folder of the stack; several can run side by side.  [default: .local]",
)
@click.pass_context
def local(context: click.Context, folder: Path) -> None:
    """The cloud on this machine: Docker Hub, mirror, Pub/Sub, Cloud Run and the functions."""
    context.obj = folder
    if context.invoked_subcommand is None:
        context.invoke(up)


@local.command
@click.argument("part", required=False)
@click.option(
    "--upstream",
    type=click.Choice(["local", "hub"]),
    default="local",
    help="The Docker Hub that is asked: the local one, or with network access the real one.",
)
@click.option(
    "--page-behind",
    type=click.Choice(["iap", "iam"]),
    default="iap",
    help="What stands before transship's page: Identity-Aware Proxy, or Cloud Run's check alone.",
)
@click.option(
    "--attempts",
    type=click.IntRange(5, 100),  # Pub/Sub's own limits
    default=ATTEMPTS,
    show_default=True,
    help="How often a message is delivered before it is given up.",
)
@in_folder
@click.pass_obj
def up(
    folder: Path,
    part: str | None,
    upstream: str = "local",
    page_behind: Auth = "iap",
    attempts: int = ATTEMPTS,
) -> None:
    """Start the stack; with PART, start again what `down` stopped.

    Of the functions' settings TRANSSHIP_POLICY, TRANSSHIP_PAUSED and some more may be chosen.
    """
    if part is not None:
        if (upstream, page_behind, attempts) != ("local", "iap", ATTEMPTS):
            raise click.UsageError("options are for the start of a stack, not for a PART of it")
        verbs.set_part(folder, part, up=True)
        return
    _obey_signals()
    terminal = Terminal(console())
    try:
        settings = chosen(os.environ)
        with running(
            folder,
            shelf=samples(),
            real_hub=upstream == "hub",
            page_behind=page_behind,
            attempts=attempts,
            settings=settings,
        ) as stack:
            _show(stack, settings, terminal)
            _wait()
    except KeyboardInterrupt:
        return
    except (home.NotHere, RuntimeError) as problem:
        raise Ended(str(problem)) from problem


@local.command
@click.option("--once", is_flag=True, help="End after the last step instead of running on.")
@in_folder
@click.pass_obj
def demo(folder: Path, *, once: bool) -> None:
    """Show the main job: a message deploys a Docker Hub image."""
    _obey_signals()
    terminal = Terminal(console())
    try:
        status = demonstration.play(folder, terminal, until_stopped=None if once else _wait)
    except KeyboardInterrupt:
        # Leaving what was left running is how a demo ends; an unfinished one has failed.
        status = _FAILED if once else 0
    sys.exit(status)


@local.command
@in_folder
@click.pass_obj
def env(folder: Path) -> None:
    """Print `export` lines for a client: eval "$(python -m local env)"."""
    for name, value in announced(folder).env.items():
        click.echo(f"export {name}={shlex.quote(value)}")


def _show(stack: Running, settings: Mapping[str, str], terminal: Terminal) -> None:
    terminal.title(f"The local cloud is up, in {stack.folder}")
    for part in stack.stack.parts:
        terminal.done(f"{part.name:<18} {part.address:<22}", part.stands_for)
    for name, value in settings.items():
        terminal.warn(f"{name}={value}, as your environment says")
    terminal.say("Ctrl-C ends it. In a second terminal:", "bold")
    terminal.commands(next_commands(stack.folder, stack.page))


def _wait() -> None:
    threading.Event().wait()


def _obey_signals() -> None:
    """End in order on Ctrl-C, on SIGTERM, and when the terminal is closed; once is enough."""
    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end(_signal: int, _frame: FrameType | None) -> Any:
        for each in ending:
            signal.signal(each, signal.SIG_IGN)
        click.echo("\nstopping…", err=True)
        raise KeyboardInterrupt

    for each in ending:
        signal.signal(each, end)


verbs.add_to(local)

if __name__ == "__main__":
    local(prog_name="python -m local")
