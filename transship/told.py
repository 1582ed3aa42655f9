"""An outcome in a few words: the same on the page and in a terminal.

From its fields, as the CloudEvent has them.
"""

import re
from collections.abc import Mapping
from typing import Any

from transship.model.reason import Reason

_WORD = re.compile(r"[a-z_]+")
_BOOKKEEPING = frozenset({"swept", "refreshed"})


def short_type(kind: str) -> str:
    """
    >>> short_type("dev.transship.deployed.v1")
    'deployed'
    """
    parts = kind.split(".")
    return parts[-2] if len(parts) > 1 else kind


def from_log(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome's fields, with its type, from those of the line that `boundary.settle` logs: the
    line has the platform's as well, and its own message, beside which the outcome's stands
    (transship/logs.py).

    >>> from_log({"message": "event settled", "condition_message": "no port", "a/b": 1})
    {'message': 'no port'}
    """
    fields = {key: each for key, each in entry.items() if "/" not in key and key != "message"}
    if "condition_message" in fields:
        fields["message"] = fields.pop("condition_message")
    return fields


def kind_of(kind: str, fields: Mapping[str, Any]) -> str:
    """What happened, in a word: of what steers, the message's own.

    >>> kind_of("dev.transship.steered.v1", {"kind": "hold"})
    'hold'
    >>> kind_of("dev.transship.deployed.v1", {"changed": False})
    'as asked'
    """
    word = short_type(kind)
    if word == "deployed" and fields.get("changed") is False:
        return "as asked"
    return str(fields.get("kind") or word)


def about(fields: Mapping[str, Any]) -> str:
    """A service, an image, or how many tags.

    >>> about({"tags": 3, "looked": 2, "moved": 0})
    '2 of 3 tags'
    """
    if "looked" in fields or "tags" in fields:
        return f"{fields.get('looked', 0)} of {fields.get('tags', 0)} tags"
    return str(fields.get("service") or fields.get("image") or "a message")


def why(fields: Mapping[str, Any]) -> str:
    """In a line: what somebody said, what Cloud Run said, or the reason.

    >>> why({"reason": "new_service"}), why({"looked": 2, "tags": 3, "moved": 1})
    ('new service', '1 moved')
    >>> why({"image": "docker.io/library/nginx:1.27", "origin": "sweep"})
    'said by sweep'
    """
    reason = str(fields.get("reason") or "")
    # In one word it is one of ours; what was steered, the kind says already.
    if _WORD.fullmatch(reason):
        is_said = reason == Reason.STEERED and "kind" in fields
        reason = "" if is_said else reason.replace("_", " ")
    said = fields.get("detail") or fields.get("message")
    if said or reason:
        return str(said or reason)
    if "looked" in fields or "tags" in fields:
        counts = {name: fields.get(name) or 0 for name in ("moved", "missed", "warmed")}
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"said by {fields['origin']}" if fields.get("origin") else ""


def is_news(kind: str, fields: Mapping[str, Any]) -> bool:
    """Not the sweep's and the hints' own bookkeeping: why not is a service's state.

    >>> is_news("dev.transship.steered.v1", {"kind": "explain"})
    False
    """
    return short_type(kind) not in _BOOKKEEPING and fields.get("kind") != "explain"
