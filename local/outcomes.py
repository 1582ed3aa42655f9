"""The outcomes that were published, as a push subscription of the stack's own hears them.

At least once, as everywhere: a message that comes again is shown once, an outcome that was
published again is shown again.
"""

import base64
import json
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

_KEPT = 1000
_TYPE = "dev.transship.{}.v1"
_GOOD = frozenset(
    _TYPE.format(kind)
    for kind in ("deployed", "planned", "refreshed", "steered", "swept", "warmed")
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """*number* counts from 1; *outcome* is the CloudEvent."""

    number: int
    outcome: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        fields: dict[str, Any] = self.outcome["data"]
        return fields


class Outcomes:
    """The newest thousand."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heard: deque[Heard] = deque(maxlen=_KEPT)
        self._message_ids: deque[str] = deque(maxlen=_KEPT)
        self._count = 0

    def hear(self, push: dict[str, Any]) -> None:
        """https://cloud.google.com/pubsub/docs/push#receive_push; ValueError if it is not one."""
        try:
            message_id = str(push["message"]["messageId"])
            outcome = json.loads(base64.b64decode(push["message"]["data"], validate=True))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a push of Pub/Sub: {error}") from error
        if not isinstance(outcome, dict) or not isinstance(outcome.get("data"), dict):
            raise ValueError("not a structured CloudEvent")  # noqa: TRY004 - one error for all
        with self._changed:
            if message_id in self._message_ids:
                return
            self._message_ids.append(message_id)
            self._count += 1
            self._heard.append(Heard(number=self._count, outcome=outcome))
            self._changed.notify_all()

    def after(self, number: int, wait: float = 0.0) -> list[Heard]:
        """Those heard after *number*; waits up to *wait* seconds for a first one."""
        with self._changed:
            self._changed.wait_for(lambda: self._count > number, wait)
            return [heard for heard in self._heard if heard.number > number]


def ended_well(outcome: dict[str, Any]) -> bool:
    """Whether what was asked for was done: as the exit status of `transship` says it.

    Hints and sweeps, which `transship` does not publish, ask for a look.
    """
    # What turned out bad was not asked for; what a person took back was.
    taken_back = outcome["type"] == _TYPE.format("rolled_back")
    return outcome["type"] in _GOOD or (taken_back and outcome["data"].get("reason") == "withdrawn")


def reason(outcome: dict[str, Any]) -> str:
    """In a line, why it did not end well."""
    data = outcome["data"]
    why = data.get("message") or data.get("reason") or data.get("detail") or "no reason given"
    return f"{outcome['type'].split('.')[-2]}: {why}"
