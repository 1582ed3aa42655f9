"""An outcome in words for a person, and as an exit status."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from transship.cli.ending import Status
from transship.cli.flags import in_flags
from transship.cli.hearing import Heard
from transship.cli.output import Output, size
from transship.model.outcome import (
    WITHDRAWN,
    Deployed,
    Failed,
    Planned,
    Rejected,
    RolledBack,
    Steered,
    Warmed,
)
from transship.model.record import UPSTREAM

_GOOD = {each.type for each in (Deployed, Planned, Steered, Warmed)}
_STEPS = {
    "resolved": "the tag is resolved",
    "pulling": "pulling through the mirror",
    "proved": "every byte is proved",
    "applied": "Cloud Run was told",
    "waiting": "Cloud Run is at work",
    "ready": "ready",
    "trying": "on trial, before visitors",
    "delayed": "tried again soon",
}


def status_of(heard: Heard) -> Status:
    # What turned out bad was not asked for; what a person took back was.
    was_asked_for = heard.type == RolledBack.type and heard.data.get("reason") == WITHDRAWN
    return Status.DONE if heard.type in _GOOD or was_asked_for else Status.FAILED


def tell(output: Output, heard: Heard) -> None:
    """The whole CloudEvent for programs."""
    if output.json:
        output.document(heard.event)
        return
    output.facts(_headline(heard), _facts(heard.data), good=status_of(heard) is Status.DONE)


def _headline(heard: Heard) -> str:
    data = heard.data
    what = data.get("service") or data.get("image") or "the message"
    changed = bool(data.get("changed", True))
    headlines: dict[tuple[str, bool], str] = {
        (Deployed.type, True): f"{what} runs {data.get('image')}",
        (Deployed.type, False): f"{what} runs {data.get('image')} already",
        (Failed.type, True): f"{what}: {_failure(data)}",
        (Planned.type, True): f"{what}: {'what would be done' if data.get('plan') else 'as asked'}",
        (RolledBack.type, True): f"{what}: taken back; visitors have {data.get('serving')}",
        (Rejected.type, True): f"rejected: {in_flags(str(data.get('reason')))}",
        (Steered.type, True): f"{what}: {data.get('kind')} is written down{_after(data)}",
        (Steered.type, False): f"{what}: {data.get('kind')} changes nothing",
        (Warmed.type, True): f"the mirror holds {data.get('image')}",
    }
    undone = f"{what}: nothing was done ({data.get('reason')})"
    return headlines.get((heard.type, changed), undone)


def _after(data: Mapping[str, Any]) -> str:
    """What comes of it by itself."""
    return "; it follows its tag from now on" if data.get("kind") in {"release", "track"} else ""


def _resolver(data: Mapping[str, Any]) -> str:
    """Whose word it was what the tag means, where that is not the upstream's."""
    by = str(data.get("resolved_by", ""))
    if by in {"", UPSTREAM}:
        return ""
    since = f", of {str(data['mirror_since'])[:16]}" if data.get("mirror_since") else ""
    return f"the {by} alone{since}: the upstream did not answer, and may mean another by now"


def _failure(data: Mapping[str, Any]) -> str:
    serving = f"visitors have {data['serving']}" if data.get("serving") else "nothing serves"
    words = {
        "never_ready": "deployed, and never became ready",
        "rejected": "deployed, and did not pass its gate",
        "rolled_back": "deployed, turned bad, and was taken back",
        WITHDRAWN: "deployed, and taken back by somebody",
    }
    return f"{words.get(str(data.get('reason')), 'deployed, and failed')}; {serving}"


def _facts(data: Mapping[str, Any]) -> dict[str, str]:
    facts = {
        "url": data.get("url", ""),
        "revision": data.get("revision", ""),
        "index": data.get("index_digest", ""),
        "child": data.get("child_digest", ""),
        "resolved by": _resolver(data),
        "pulled": f"{size(data['bytes'])} in {data.get('seconds', 0):.1f} s"
        if data.get("bytes")
        else "",
        "condition": " ".join(filter(None, (data.get("condition"), data.get("message")))),
        "serving": data.get("serving", ""),
        "log": data.get("log_url", ""),
        "tracks": data.get("image", "") if data.get("kind") == "track" else "",
        "why": data.get("reason", "") if not data.keys() & {"error", "kind"} else "",
        "detail": data.get("detail", ""),
        "error": data.get("error", ""),
        "rule": data.get("rule", ""),
        "to change that": data.get("clear", ""),
    }
    facts |= {f"step {number}": step for number, step in enumerate(data.get("plan", ()), 1)}
    return {name: str(value) for name, value in facts.items()}


@contextmanager
def progress(output: Output, text: str) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Gives what is to be called with each step; it shows them where somebody watches."""
    if not output.is_watched or output.json:
        yield lambda _: None
        return
    with output.notes.status(text) as shown:
        yield lambda step: shown.update(_step(step, text))


def _step(said: Mapping[str, Any], text: str) -> str:
    step = _STEPS.get(str(said.get("step")), text)
    if reason := said.get("reason"):
        return f"{step}: {reason}"
    done, total = said.get("bytes"), said.get("total")
    return f"{step}: {size(done or 0)} of {size(total)}" if total else step
