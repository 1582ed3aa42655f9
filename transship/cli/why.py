"""`transship why`: why a service runs what it runs, and how to change each thing in its way."""

import click

from transship.cli.completion import services
from transship.cli.standings import (
    asked,
    command_for,
    document_of,
    facts_of,
    headline,
    is_good,
    named,
)
from transship.cli.tools import Tools, verb
from transship.cli.tracked import followers, standings
from transship.model.reason import Reason, Underway
from transship.standing import Standing


@click.command(short_help="Why a service runs what it runs.")
@click.argument("service", required=False, shell_complete=services)
@verb
def why(tools: Tools, service: str | None) -> None:
    """Why SERVICE runs what it runs, and how to change each thing in its way.

    Without SERVICE, every reason there is.
    """
    if service is None:
        words = (*Reason, *Underway)
        tools.output.rows(
            ("reason", "how to clear it"),
            [(reason.value, reason.help) for reason in words],
            [{"reason": reason.value, "clear": reason.help} for reason in words],
            empty="",
        )
        return
    for standing in standings(tools, named(followers(tools), service)):
        if tools.output.json:
            tools.output.document(document_of(standing))
            continue
        tools.output.facts(headline(standing), facts_of(standing), good=is_good(standing))
        for reason in standing.reasons:
            if reason == Reason.UP_TO_DATE:
                # The headline says so.
                continue
            facts = {
                **asked(standing, reason),
                **_way_out(standing, reason),
                "command": command_for(reason, standing),
            }
            tools.output.facts(reason, facts, good=None if reason in set(Underway) else False)


def _way_out(standing: Standing, reason: str) -> dict[str, str]:
    clear = standing.clear(reason)
    if reason in set(Underway):
        return {"what comes": clear.removeprefix("nothing to clear: ")}
    return {"to change that": clear}
