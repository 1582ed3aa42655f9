"""What came of events: the outcomes as the functions logged them (`boundary.settle`)."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from msgspec import Struct

from transship import told
from transship.burials import Entry
from transship.console.ports import Parts
from transship.console.states import Sign, sign_of_outcome
from transship.deadline import Deadline
from transship.model.naming import ServiceName

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
_MESSAGE, _DEFERRED = "event settled", "event deferred"
_BURIED, _SETTLED = "dead letter", "dead letter settled"
_WORDS = f'jsonPayload.message="{_MESSAGE}"'


class Ended(Struct, frozen=True, kw_only=True):
    """*fields* are the outcome's."""

    time: datetime
    fields: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return told.kind_of(self.text("type"), self.fields)

    @property
    def sign(self) -> Sign:
        return sign_of_outcome(self.kind)

    def text(self, name: str) -> str:
        return str(self.fields.get(name) or "")

    @property
    def about(self) -> str:
        return told.about(self.fields)

    @property
    def why(self) -> str:
        return told.why(self.fields)

    @property
    def is_news(self) -> bool:
        return told.is_news(self.text("type"), self.fields)

    @property
    def has_service(self) -> bool:
        """Which there may be a page of: what was rejected may never have been there."""
        return all(map(self.text, ("service", "project", "region"))) and self.kind != "rejected"


class Deferred(Struct, frozen=True, kw_only=True):
    """The event failed for the moment, and is delivered again; or it was given up, as dead letter
    *letter*, whose id Pub/Sub has made.
    """

    time: datetime
    reason: str
    letter: str = ""


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


def of_event(parts: Parts, project: str, event_id: str) -> Ended | Deferred | None:
    """The newest of the event; it may have had a rollback since, or is tried again."""
    words = f'jsonPayload.message=("{_MESSAGE}" OR "{_DEFERRED}") AND jsonPayload.event_id='
    words += f'"{event_id}"'
    first_asked = parts.kept.get(("asked", event_id), parts.now, seconds=_REMEMBERED)
    is_eager = parts.now() < first_asked + _EAGER
    found = parts.kept.get(
        ("event", event_id),
        lambda: _entries(parts, project, words, 1),
        seconds=_KEPT_EAGER if is_eager else _KEPT_PATIENT,
    )
    if not found:
        return _of_letter(parts, project, event_id)
    [entry] = found
    if entry.fields.get("message") == _DEFERRED:
        return Deferred(
            time=entry.time,
            reason=str(entry.fields.get("reason", "")),
            letter=_letter(parts, project, str(entry.fields.get("published_at", ""))),
        )
    return Ended(time=entry.time, fields=told.from_log(entry.fields))


def _of_letter(parts: Parts, project: str, id_: str) -> Deferred | None:
    """Where the id is a dead letter's own: what it is, and whether somebody has settled it."""
    words = f'jsonPayload.message=("{_BURIED}" OR "{_SETTLED}") AND jsonPayload.dead_letter="{id_}"'
    found = parts.kept.get(
        ("of letter", id_), lambda: _entries(parts, project, words, 1), seconds=_KEPT_PATIENT
    )
    if not found:
        return None
    [entry] = found
    verdict, by = entry.fields.get("verdict"), entry.fields.get("by")
    reason = f"{verdict} by {by or 'somebody'}" if verdict else ""
    return Deferred(time=entry.time, reason=reason, letter=id_)


def _letter(parts: Parts, project: str, published_at: str) -> str:
    """The dead letter that a message became, which keeps when that was published."""
    if not published_at:
        return ""
    words = f'jsonPayload.message="{_BURIED}" AND jsonPayload.published_at="{published_at}"'
    found = parts.kept.get(
        ("letter", published_at),
        lambda: _entries(parts, project, words, 1),
        seconds=_KEPT_PATIENT,
    )
    return str(found[0].fields.get("dead_letter", "")) if found else ""


def forget(parts: Parts, name: ServiceName) -> None:
    parts.kept.drop(("outcomes", ""))
    parts.kept.drop(("outcomes", str(name)))


def _matching(parts: Parts, project: str, words: str, limit: int) -> list[Ended]:
    entries = _entries(parts, project, _WORDS + words, limit)
    return [Ended(time=entry.time, fields=told.from_log(entry.fields)) for entry in entries]


def _entries(parts: Parts, project: str, words: str, limit: int) -> list[Entry]:
    after = (parts.now() - _BACK).isoformat()
    entries = parts.log.matching(
        project, f'{words} AND timestamp>="{after}"', deadline=Deadline.after(_SECONDS)
    )
    return list(islice(entries, limit))
