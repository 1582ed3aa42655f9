"""The command `transship`, put together. Its help loads no client of Google's."""

import logging
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

import click

from transship.cli.dead_letters import dead_letters
from transship.cli.deploy import deploy
from transship.cli.ending import INTERRUPTED, Status, in_words
from transship.cli.images import images, tags, warm
from transship.cli.outcomes import outcomes
from transship.cli.pause import pause, resume
from transship.cli.status import status
from transship.cli.steer import commands
from transship.cli.why import why

_SECTIONS: tuple[tuple[str, tuple[click.Command, ...]], ...] = (
    ("Deploy and look", (deploy, status, why, outcomes)),
    ("Images", (images, tags, warm)),
    ("Steer", (*commands(), pause, resume)),
    ("Mend", (dead_letters,)),
)

_EPILOG = """Settings come from flags, from variables (TRANSSHIP_PROJECT, TRANSSHIP_REGION, …), and
from ~/.config/transship.toml. For the local stack: eval "$(python -m local env)".

Exit status: 0 done, 1 failed or not done, 2 wrong usage, 3 timed out, 4 not reached.
"""


class _Command(click.Group):
    """Verbs in sections, and every end in words."""

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(len(verb.name or "") for _, verbs in _SECTIONS for verb in verbs)
        room = formatter.width - width - 4
        for title, verbs in _SECTIONS:
            with formatter.section(title):
                formatter.write_dl(
                    [
                        ((verb.name or "").ljust(width), verb.get_short_help_str(room))
                        for verb in verbs
                    ]
                )

    def invoke(self, context: click.Context) -> Any:
        with in_words():
            return super().invoke(context)


@click.group(cls=_Command, epilog=_EPILOG, context_settings={"max_content_width": 100})
@click.version_option(package_name="transship")
def transship() -> None:
    """Deploy Docker Hub images to Cloud Run, and let services follow their tags."""
    import structlog  # noqa: PLC0415 - half of what --help would take

    # What the clients log is for the functions' logs: here errors are told once, in words.
    logging.getLogger().setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


for _, _verbs in _SECTIONS:
    for _verb in _verbs:
        transship.add_command(_verb)


def main() -> NoReturn:
    """The entry point: a subscription that was made goes at the end, whatever the end is."""

    def end(number: int, _: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    def interrupt(_: int, __: FrameType | None) -> NoReturn:
        INTERRUPTED.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, end)
    transship(prog_name="transship")
    sys.exit(Status.DONE)
