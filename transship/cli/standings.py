"""What is said of a service's standing: in a headline, in facts, and as a document."""

from typing import Any

import msgspec

from transship.cli.ending import Ended
from transship.cli.output import when
from transship.model.follow import Follower
from transship.model.reason import Reason, Underway
from transship.standing import Standing

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
    tracks = standing.follower.tracks
    image = tracks.familiar if tracks else "IMAGE"
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


def headline(standing: Standing) -> str:
    name = standing.follower.name.service
    tracks = standing.follower.tracks
    tag = tracks.familiar if tracks else "nothing any more"
    reasons = standing.reasons
    told = {
        Underway.DUE: f"{name} does not run yet what {tag} means",
        Underway.ON_TRIAL: f"{name} has a new revision on trial; visitors keep what they have",
        Underway.WATCHED: f"{name} runs what {tag} means, and is watched for a while",
        Reason.UPSTREAM_UNAVAILABLE: f"{name}: nobody knows just now what {tag} means",
        Reason.QUARANTINED: f"{name} is kept from what {tag} means, which turned out bad",
        Reason.FAILED_BEFORE: f"{name} was given what {tag} means, and did not become ready",
        Reason.TAG_DELETED: f"{name}: {tag} is gone upstream",
    }
    if reasons[0] == Reason.UP_TO_DATE:
        beside = f", and is {_words(reasons[1])}" if len(reasons) > 1 else ""
        return f"{name} runs what {tag} means{beside}"
    return next(
        (text for reason, text in told.items() if reason == reasons[0]),
        f"{name} does not run what {tag} means",
    )


def _words(reason: str) -> str:
    return reason.replace("_", " ")


def is_good(standing: Standing) -> bool | None:
    """None for what will be so by itself."""
    return True if standing.follows else None if standing.reason in set(Underway) else False


def facts_of(standing: Standing) -> dict[str, str]:
    follower, runs = standing.follower, standing.runs
    elsewhere = follower.given if follower.visited != follower.newest else None
    return {
        "project": follower.name.project,
        "region": follower.name.region,
        "tracks": str(follower.tracks or ""),
        "upstream": str(standing.upstream or "") or "unknown",
        "runs": str(runs.digest or "") or follower.visited or "nothing yet",
        "its child": str(runs.child or "") if runs.index else "",
        "was given": str(elsewhere or ""),
    }


def asked(standing: Standing, reason: str) -> dict[str, str]:
    if said := standing.said(reason):
        return {"because": said}
    note = standing.note(reason)
    if note is None:
        return {}
    by = f"by {note.by}, " if note.by else ""
    since = "since" if reason == Reason.QUARANTINED else "asked for"
    return {since: f"{by}{when(note.at)}", "because": note.why}


def document_of(standing: Standing) -> dict[str, Any]:
    follower = standing.follower
    return {
        "service": follower.name.service,
        "project": follower.name.project,
        "region": follower.name.region,
        "tracks": str(follower.tracks or ""),
        "runs": str(standing.runs.digest or ""),
        "child": str(standing.runs.child or ""),
        "given": str(follower.given or ""),
        "revision": follower.visited,
        "upstream": str(standing.upstream or ""),
        "follows": standing.follows,
        "reasons": [
            {
                "reason": reason,
                **(msgspec.to_builtins(note) if (note := standing.note(reason)) else {}),
                "clear": standing.clear(reason),
                "command": command_for(reason, standing),
            }
            for reason in standing.reasons
        ],
    }
