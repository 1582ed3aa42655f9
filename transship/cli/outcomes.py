"""`transship outcomes`: what came of each event, from the log, and as it happens."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import click

from transship import told
from transship.cli import hearing
from transship.cli.hearing import Heard
from transship.cli.tools import Tools, own_verb
from transship.errors import TemporaryError
from transship.model.naming import ServiceName

_PULL = 5.0
_COLUMNS = ("time", "outcome", "about", "why")


@click.command(short_help="What came of each event.")
@click.option("--follow", "-f", is_flag=True, help="Tell each as it happens, until Ctrl-C.")
@click.option("--service", help="Those of this service alone.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="The most."
)
@click.option(
    "--since",
    type=click.IntRange(1, 30 * 24),
    default=24,
    show_default=True,
    help="How far back to look, in hours.",
)
@own_verb
def outcomes(tools: Tools, *, follow: bool, service: str | None, limit: int, since: int) -> None:
    """What came of each event, newest last: as the functions logged it.

    With --follow, the outcomes themselves, from now on.
    """
    if follow:
        _follow(tools, service)
        return
    after = datetime.now(UTC) - timedelta(hours=since)
    words = f'jsonPayload.message="event settled" AND timestamp>="{after.isoformat()}"'
    if service:
        words += f' AND jsonPayload.service="{_checked(tools, service)}"'
    entries = tools.clients.log_entries.matching(
        tools.config.project, words, deadline=tools.deadline()
    )
    found = [
        {"time": entry.time.isoformat(), **told.from_log(entry.fields)}
        for entry in islice(entries, limit)
    ][::-1]
    tools.output.rows(
        _COLUMNS,
        # What the functions tell themselves is for programs.
        [
            _row(tools, each["time"], each["type"], each)
            for each in found
            if each.get("kind") != "explain"
        ],
        found,
        empty=f"no outcome in the last {since} hours",
    )


def _follow(tools: Tools, service: str | None) -> None:
    subscriptions = tools.clients.subscriptions
    matching = f'attributes.service = "{_checked(tools, service)}"' if service else ""
    with hearing.listening(
        subscriptions, tools.config.project, tools.topic("outcomes"), matching
    ) as name:
        tools.output.say("listening to outcomes; Ctrl-C ends it")
        while True:
            try:
                heard = list(hearing.outcomes(subscriptions, name, seconds=_PULL))
            except TemporaryError as error:
                tools.output.say(str(error))
                continue
            for each in heard:
                if service in {None, each.data.get("service")}:
                    _tell(tools, each)


def _tell(tools: Tools, heard: Heard) -> None:
    if tools.output.json:
        tools.output.document(heard.event)
        return
    if heard.data.get("kind") == "explain":
        return
    row = _row(tools, str(heard.event.get("time", "")), heard.type, heard.data)
    if tools.output.console.is_terminal:
        tools.output.console.print("  ".join(cell for cell in row if cell), soft_wrap=True)
    else:
        click.echo("\t".join(row))


def _row(tools: Tools, time: str, kind: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    shown = _clock(time) if tools.output.console.is_terminal else time
    why, by = told.why(data), data.get("by")
    named = f" (by {by})" if by and by not in why else ""
    return (shown, told.kind_of(kind, data), told.about(data), f"{why}{named}".strip())


def _clock(time: str) -> str:
    """As the reader's clock has it."""
    try:
        return f"{datetime.fromisoformat(time).astimezone():%d %b %H:%M:%S}"
    except ValueError:
        return time


def _checked(tools: Tools, service: str) -> str:
    """It becomes part of a filter. Raises InvalidEvent."""
    return ServiceName(project=tools.project, region=tools.region, service=service).service
