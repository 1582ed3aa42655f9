"""What came of events: the outcomes as the functions logged them (`boundary.settle`)."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from msgspec import Struct

from transship.console.ports import Parts
from transship.console.states import Sign, sign_of_outcome
from transship.deadline import Deadline
from transship.model.naming import ServiceName
from transship.model.reason import Reason

_BACK = timedelta(days=7)
_SECONDS = 15.0
# Cloud Logging lets a project be read sixty times a minute, by everybody together:
# https://cloud.google.com/logging/quotas#api-limits
_KEPT = 15.0
# Somebody waits for it: often at first, when it mostly comes, and then as often as a page may.
_EAGER = timedelta(seconds=15)
_KEPT_EAGER, _KEPT_PATIENT = 1.0, 5.0
_REMEMBERED = 3600.0
_EVENT = re.compile(r"[A-Za-z0-9._-]{1,100}")
_WORD = re.compile(r"[a-z_]+")
_MESSAGE = "event settled"
_WORDS = f'jsonPayload.message="{_MESSAGE}"'


class Ended(Struct, frozen=True, kw_only=True):
    """*fields* are the outcome's."""

    time: datetime
    fields: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """
        >>> Ended(time=datetime.min, fields={"type": "dev.transship.deployed.v1"}).kind
        'deployed'
        """
        parts = str(self.fields.get("type", "")).split(".")
        return parts[-2] if len(parts) > 1 else "unknown"

    @property
    def sign(self) -> Sign:
        return sign_of_outcome(self.text("kind") or self.kind)

    def text(self, name: str) -> str:
        return str(self.fields.get(name) or "")

    @property
    def why(self) -> str:
        """In a line: what somebody said, what Cloud Run said, or the reason.

        >>> Ended(time=datetime.min, fields={"reason": "new_service"}).why
        'new service'
        """
        reason = self.text("reason")
        # In one word it is one of ours; what was steered, the sign says already.
        if _WORD.fullmatch(reason):
            reason = "" if reason == Reason.STEERED else reason.replace("_", " ")
        # In the log an outcome's `message` stands beside the entry's own (transship/logs.py).
        return self.text("detail") or self.text("condition_message") or reason

    @property
    def is_news(self) -> bool:
        """Not the sweep's and the hints' own bookkeeping: why not is a service's state.

        >>> fields = {"type": "dev.transship.steered.v1", "kind": "explain"}
        >>> Ended(time=datetime.min, fields=fields).is_news
        False
        """
        return self.kind not in {"swept", "refreshed"} and self.text("kind") != "explain"


def is_event(text: str) -> bool:
    """It becomes part of a filter."""
    return _EVENT.fullmatch(text) is not None


def recent(parts: Parts, project: str, *, limit: int) -> list[Ended]:
    """The newest of all services, without the bookkeeping."""
    found = parts.kept.get(
        ("outcomes", ""), lambda: _matching(parts, project, "", 10 * limit), seconds=_KEPT
    )
    return [each for each in found if each.is_news][:limit]


def of_service(parts: Parts, project: str, name: ServiceName, *, limit: int) -> list[Ended]:
    words = f' AND jsonPayload.service="{name.service}"'
    found = parts.kept.get(
        ("outcomes", str(name)),
        lambda: _matching(parts, project, words, limit),
        seconds=_KEPT,
    )
    place = (name.project, name.region)
    here = [each for each in found if (each.text("project"), each.text("region")) == place]
    return [each for each in here if each.is_news]


def of_event(parts: Parts, project: str, event_id: str) -> Ended | None:
    """The newest of the event; it may have had a rollback since."""
    words = f' AND jsonPayload.event_id="{event_id}"'
    first_asked = parts.kept.get(("asked", event_id), parts.now, seconds=_REMEMBERED)
    is_eager = parts.now() < first_asked + _EAGER
    found = parts.kept.get(
        ("event", event_id),
        lambda: _matching(parts, project, words, 1),
        seconds=_KEPT_EAGER if is_eager else _KEPT_PATIENT,
    )
    return found[0] if found else None


def forget(parts: Parts, name: ServiceName) -> None:
    parts.kept.drop(("outcomes", ""))
    parts.kept.drop(("outcomes", str(name)))


def _matching(parts: Parts, project: str, words: str, limit: int) -> list[Ended]:
    after = (parts.now() - _BACK).isoformat()
    entries = parts.log.matching(
        project, f'{_WORDS}{words} AND timestamp>="{after}"', deadline=Deadline.after(_SECONDS)
    )
    return [Ended(time=entry.time, fields=entry.fields) for entry in islice(entries, limit)]
