"""`transship status` and `transship why`: what runs, what the tag means, and why not."""

from typing import Any

import click
import msgspec

from transship.cli.ending import Ended
from transship.cli.tools import Tools, verb
from transship.cli.tracked import followers, standings
from transship.model.digest import Digest
from transship.model.follow import Follower
from transship.model.note import Note
from transship.model.reason import Reason
from transship.standing import Standing, clear_of, familiar

_HEX = 12


@click.command(short_help="What runs, what the tag means, and why not.")
@click.argument("service", required=False)
@verb
def status(tools: Tools, service: str | None) -> None:
    """What each tracked service runs, what its tag means upstream, and why not.

    With SERVICE, more about that one.
    """
    found = named(followers(tools), service)
    stands = standings(tools, found)
    if service and not tools.output.json:
        for standing in stands:
            notes = [_asked(standing.note(reason)) for reason in standing.reasons]
            facts = _facts(standing) | {"why": ", ".join(standing.reasons)}
            facts |= next(filter(None, notes), {})
            tools.output.facts(_headline(standing), facts, good=_is_good(standing))
        return
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
        [_document(standing) for standing in stands],
        empty="no service is tracked: `transship deploy` makes one, `transship track` adds one",
    )


@click.command(short_help="Why a service runs what it runs.")
@click.argument("service", required=False)
@verb
def why(tools: Tools, service: str | None) -> None:
    """Why SERVICE runs what it runs, and how to change each thing in its way.

    Without SERVICE, every reason there is.
    """
    if service is None:
        tools.output.rows(
            ("reason", "how to clear it"),
            [(reason.value, reason.help) for reason in Reason],
            [{"reason": reason.value, "clear": reason.help} for reason in Reason],
            empty="",
        )
        return
    for standing in standings(tools, named(followers(tools), service)):
        if tools.output.json:
            tools.output.document(_document(standing))
            continue
        tools.output.facts(_headline(standing), _facts(standing), good=_is_good(standing))
        for reason in standing.reasons:
            command = command_for(reason, standing)
            facts = {
                **_asked(standing.note(reason)),
                "to change that": clear_of(reason),
                "command": command,
            }
            tools.output.facts(reason, facts, good=reason == Reason.UP_TO_DATE)


# Where a verb of ours clears it; SERVICE and IMAGE are filled in.
_COMMANDS = {
    Reason.FAILED_BEFORE: "transship deploy IMAGE --service SERVICE",
    Reason.HELD: "transship release SERVICE",
    Reason.PAUSED: "transship resume",
    Reason.PINNED: "transship release SERVICE",
    Reason.QUARANTINED: "transship clear SERVICE",
    Reason.SKIPPED: "transship release SERVICE",
    Reason.TRACKING_LOST: "transship track SERVICE IMAGE",
}


def command_for(reason: str, standing: Standing) -> str:
    """Empty where no verb of ours does it."""
    command = next((text for each, text in _COMMANDS.items() if each == reason), "")
    image = familiar(standing.follower.tracks) or "IMAGE"
    return command.replace("SERVICE", standing.follower.name.service).replace("IMAGE", image)


def named(found: list[Follower], service: str | None) -> list[Follower]:
    """Those of the name, in whatever region; raises Ended where there is none."""
    if service is None:
        return found
    chosen = [each for each in found if each.name.service == service]
    if not chosen:
        others = ", ".join(sorted({each.name.service for each in found})) or "none"
        raise Ended(
            f"no service {service} is tracked; tracked are: {others}."
            f" `transship track {service} IMAGE` lets it follow a tag"
        )
    return chosen


def _headline(standing: Standing) -> str:
    name = standing.follower.name.service
    tag = familiar(standing.follower.tracks) or "nothing any more"
    if standing.reason == Reason.UP_TO_DATE:
        return f"{name} runs what {tag} means"
    if standing.reason == Reason.UPSTREAM_UNAVAILABLE:
        return f"{name}: nobody knows just now what {tag} means"
    if standing.reason == Reason.QUARANTINED:
        return f"{name} is kept from what {tag} means, which turned out bad"
    if standing.upstream and standing.follower.has(standing.upstream):
        return f"{name} was given what {tag} means, and did not become ready"
    return f"{name} does not run what {tag} means"


def _is_good(standing: Standing) -> bool:
    return standing.reason == Reason.UP_TO_DATE


def _facts(standing: Standing) -> dict[str, str]:
    follower = standing.follower
    return {
        "project": follower.name.project,
        "region": follower.name.region,
        "tracks": str(follower.tracks or ""),
        "runs": str(follower.runs or ""),
        "of the index": str(follower.index or ""),
        "upstream": str(standing.upstream or "") or "unknown",
    }


def _asked(note: Note | None) -> dict[str, str]:
    if note is None:
        return {}
    by = f"by {note.by}, " if note.by else ""
    return {"asked for": f"{by}{note.at:%Y-%m-%d %H:%M} UTC", "because": note.why}


def _row(standing: Standing, *, whole: bool, placed: bool) -> tuple[str, ...]:
    follower = standing.follower
    place = (follower.name.project, follower.name.region) if placed else ()
    # The index where it is known: that is what compares with the upstream by eye.
    runs = follower.index or follower.runs
    return (
        follower.name.service,
        *place,
        str(follower.tracks or "") if whole else familiar(follower.tracks),
        _shown(runs, whole=whole),
        _shown(standing.upstream, whole=whole),
        ", ".join(standing.reasons),
    )


def _shown(digest: Digest | None, *, whole: bool) -> str:
    text = str(digest or "")
    return text if whole else text.removeprefix("sha256:")[:_HEX]


def _document(standing: Standing) -> dict[str, Any]:
    follower = standing.follower
    return {
        "service": follower.name.service,
        "project": follower.name.project,
        "region": follower.name.region,
        "tracks": str(follower.tracks or ""),
        "runs": str(follower.runs or ""),
        "index": str(follower.index or ""),
        "upstream": str(standing.upstream or ""),
        "follows": _is_good(standing),
        "reasons": [
            {
                "reason": reason,
                **(msgspec.to_builtins(note) if (note := standing.note(reason)) else {}),
                "clear": clear_of(reason),
                "command": command_for(reason, standing),
            }
            for reason in standing.reasons
        ],
    }
