"""An outcome in the words of a notification: fixed templates, and nothing in them is markup.

A notice is one outcome for one destination, on a topic of its own: each is sent, retried and given
up alone.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

from transship.errors import InvalidEvent

_S = TypeVar("_S", bound=msgspec.Struct)

_HEX = 12
_TEXT_LIMIT = 500
_HEADLINES = {
    "deployed": "{service} runs {image}",
    "failed": "{service}: {image} never became ready; visitors stay where they were",
    "rejected": "a request was rejected: {service} {image}",
    "rolled_back": "{service} was rolled back",
    "unchanged": "{service} was left as it is",
    "steered": "{service}: {kind}",
    "planned": "{service}: what a dry run would do",
    "refreshed": "{image}: its followers were looked at",
    "swept": "the sweep has looked at the tags",
    "warmed": "the mirror holds {image}",
}
_CONSOLE = "https://console.cloud.google.com"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The CloudEvent of an outcome (model/outcome.py), as far as it is told."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    type: str
    time: datetime
    source: str = ""
    subject: str = ""
    data: dict[str, Any] = {}

    @property
    def kind(self) -> str:
        """
        >>> Event(id="1", type="dev.transship.failed.v1", time=datetime.min).kind
        'failed'
        """
        parts = self.type.split(".")
        return parts[-2] if len(parts) > 1 else self.type

    def text(self, name: str) -> str:
        return str(self.data.get(name) or "")

    @property
    def is_news(self) -> bool:
        """A deploy that found all as it was is none."""
        return self.kind != "deployed" or bool(self.data.get("changed"))


class Notice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """*event* is the outcome's CloudEvent, all of it."""

    destination: str
    event: msgspec.Raw


def decode_event(data: bytes | msgspec.Raw) -> Event:
    """Raises InvalidEvent, which names the field."""
    return _decode(bytes(data), Event)


def decode_notice(data: bytes) -> Notice:
    """As decode_event."""
    return _decode(data, Notice)


def headline(event: Event) -> str:
    """One line of plain text."""
    words = {name: event.text(name) for name in ("service", "image", "kind")}
    said = _HEADLINES.get(event.kind, "{service} {image}").format(**words)
    return " ".join(said.split())[:_TEXT_LIMIT]


def facts(event: Event) -> dict[str, str]:
    """What is worth a line, by label; plain text."""
    before, after = event.text("previous_digest"), event.text("child_digest")
    said = {
        "digest": _moved(before, after),
        "reason": event.text("reason").replace("_", " "),
        "detail": event.text("detail") or event.text("message"),
        "revision": event.text("revision"),
        "still serving": event.text("serving"),
        "by": event.text("by"),
        "to change that": event.text("clear"),
        "place": " ".join(filter(None, (event.text("region"), event.text("project")))),
    }
    return {label: text[:_TEXT_LIMIT] for label, text in said.items() if text}


def links(event: Event) -> dict[str, str]:
    """By label; only to the web, since they may come from a message."""
    said = {
        "the service": event.text("url"),
        "its log": event.text("log_url"),
        "in the console": _in_console(event.data),
    }
    return {label: url for label, url in said.items() if _is_link(url)}


def _moved(before: str, after: str) -> str:
    old, new = (text.removeprefix("sha256:")[:_HEX] for text in (before, after))
    return f"{old} → {new}" if old and new and old != new else new


def _in_console(data: Mapping[str, Any]) -> str:
    project, region, service = (str(data.get(n) or "") for n in ("project", "region", "service"))
    if not (project and region and service):
        return ""
    place = f"{_CONSOLE}/run/detail/{region}/{service}/revisions"
    return f"{place}?project={project}"


def _is_link(url: str) -> bool:
    # Slack ends a link at these, whatever is escaped.
    return url.startswith("https://") and not set(url) & set("<>| \n\t")


def _decode(data: bytes, kind: type[_S]) -> _S:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidEvent(f"not an outcome: {error}") from error
