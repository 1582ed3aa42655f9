"""`transship status`: what runs, what the tag means, why not, and which revisions there are."""

from typing import Any

import click

from transship.cli.completion import services
from transship.cli.output import when
from transship.cli.standings import asked, document_of, facts_of, headline, is_good, named
from transship.cli.tools import Tools, verb
from transship.cli.tracked import followers, standings
from transship.lineage import Step, steps
from transship.model.digest import Digest
from transship.model.focus import seen_by
from transship.model.follow import Follower, follower_in
from transship.standing import Standing

_HEX = 12


@click.command(short_help="What runs, what the tag means, and why not.")
@click.argument("service", required=False, shell_complete=services)
@verb
def status(tools: Tools, service: str | None) -> None:
    """What each tracked service runs, what its tag means upstream, and why not.

    With SERVICE, more about that one, and its revisions: those that a rollback may go to.
    """
    found = named(followers(tools), service)
    if service:
        for follower in found:
            _tell_one(tools, follower)
        return
    stands = standings(tools, found)
    whole = not tools.output.console.is_terminal
    places = {(each.name.project, each.name.region) for each in found}
    placed = whole or len(places) > 1
    tools.output.rows(
        (
            "service",
            *(("project", "region") if placed else ()),
            "tracks",
            "runs",
            "upstream",
            "why",
        ),
        [_row(standing, whole=whole, placed=placed) for standing in stands],
        [document_of(standing) for standing in stands],
        empty="no service is tracked: `transship deploy` makes one, `transship track` adds one",
    )


def _tell_one(tools: Tools, listed: Follower) -> None:
    """All of it from one read of the service: a list lags behind."""
    service = tools.clients.services.get(listed.name)
    read = follower_in(seen_by(service, listed.container)) if service else listed
    (standing,) = standings(tools, [read])
    made = steps(service, tools.clients.lineage) if service else ()
    if tools.output.json:
        tools.output.document(
            {**document_of(standing), "revisions": [_revision(one) for one in made]}
        )
        return
    notes = [asked(standing, reason) for reason in standing.reasons]
    facts = facts_of(standing) | {
        "url": service.uri if service else "",
        "why": ", ".join(standing.reasons),
    }
    facts |= next(filter(None, notes), {})
    tools.output.facts(headline(standing), facts, good=is_good(standing))
    if not made:
        return
    tools.output.rows(
        ("revision", "made", "runs", "visitors", "is", "because"),
        [
            (
                one.name,
                when(one.created),
                _shown(one.digest, whole=not tools.output.console.is_terminal),
                f"{one.percent} %" if one.percent else "",
                one.word,
                one.evidence,
            )
            for one in made
        ],
        [],
        empty="",
    )


def _revision(step: Step) -> dict[str, Any]:
    return {
        "revision": step.name,
        "made": step.created.isoformat(),
        "runs": str(step.digest or ""),
        "child": str(step.child or ""),
        "percent": step.percent,
        "is": step.word,
        "because": step.evidence,
        "takes_visitors": step.takes_visitors,
    }


def _row(standing: Standing, *, whole: bool, placed: bool) -> tuple[str, ...]:
    follower = standing.follower
    place = (follower.name.project, follower.name.region) if placed else ()
    runs, tracks = standing.runs.digest, follower.tracks
    tag = "" if tracks is None else str(tracks) if whole else tracks.familiar
    return (
        follower.name.service,
        *place,
        tag,
        _shown(runs, whole=whole) or follower.visited,
        _shown(standing.upstream, whole=whole),
        ", ".join(standing.reasons),
    )


def _shown(digest: Digest | None, *, whole: bool) -> str:
    text = str(digest or "")
    return text if whole else text.removeprefix("sha256:")[:_HEX]
