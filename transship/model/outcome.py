"""What is published at the end of each event: one CloudEvent, in the words of the logs."""

from datetime import datetime
from typing import Any, ClassVar, Final

import msgspec

from transship.errors import PermanentError, Refused


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """*event_id* is the causing event's; the outcome's own id follows from it."""

    type: ClassVar[str] = ""

    event_id: str
    image: str = ""
    service: str = ""
    project: str = ""
    region: str = ""
    reason: str = ""
    detail: str = ""

    @property
    def id(self) -> str:
        """The same for every redelivery of the event, so that consumers can drop duplicates."""
        return f"{self.event_id}.outcome"

    def fields(self) -> dict[str, Any]:
        """For the log: exactly the names of the outcome."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return data


class Deployed(Outcome, frozen=True, kw_only=True):
    """The service runs the image and serves it; *changed* says whether this event made it so.

    *resolved_by* says whose word it was what the tag means, and *mirror_since*, while the upstream
    was silent, since when that is known: the tag may have moved since then. *previous_digest* is
    what the service was asked to run before. *tried_again*: a `clear` or a `release` has let a
    revision be tried again, and *event_id* is that message's, which has had its outcome.
    """

    type: ClassVar[str] = "dev.transship.deployed.v1"

    changed: bool
    index_digest: str = ""
    child_digest: str = ""
    previous_digest: str = ""
    revision: str = ""
    url: str = ""
    resolved_by: str = ""
    mirror_agrees: bool | None = None
    mirror_since: datetime | None = None
    public: bool | None = None
    blobs: int = 0
    bytes: int = 0
    seconds: float = 0.0
    tried_again: bool = False

    @property
    def id(self) -> str:
        return _id(self.event_id, tried_again=self.tried_again)


class Failed(Outcome, frozen=True, kw_only=True):
    """The image was deployed and never got visitors, or lost them; *serving* has them.

    *tried_again* as of Deployed.
    """

    type: ClassVar[str] = "dev.transship.failed.v1"

    index_digest: str = ""
    child_digest: str = ""
    revision: str = ""
    condition: str = ""
    message: str = ""
    log_url: str = ""
    serving: str = ""
    tried_again: bool = False

    @property
    def id(self) -> str:
        return _id(self.event_id, tried_again=self.tried_again)


class Unchanged(Outcome, frozen=True, kw_only=True):
    """Nothing was done, and *reason* says why: superseded, held, …; *clear* says what to do."""

    type: ClassVar[str] = "dev.transship.unchanged.v1"

    clear: str = ""


# The reason of a revision whose visitors a person took back.
WITHDRAWN: Final = "withdrawn"


# In the detail of a message that lets a revision be tried again.
AGAIN: Final = "is on trial again; a tick looks at it soon"


class RolledBack(Outcome, frozen=True, kw_only=True):
    """A revision that had visitors turned out bad, or somebody said so; *serving* has them now.

    *event_id* is that of the deploy, which has had its outcome; so this one's id is another.
    """

    type: ClassVar[str] = "dev.transship.rolled_back.v1"

    child_digest: str = ""
    revision: str = ""
    serving: str = ""
    by: str = ""

    @property
    def id(self) -> str:
        return f"{self.event_id}.rolled_back"


class Steered(Outcome, frozen=True, kw_only=True):
    """How a service follows its tag was said by a message of *kind*; no revision was made."""

    type: ClassVar[str] = "dev.transship.steered.v1"

    kind: str
    changed: bool
    by: str = ""


class Planned(Outcome, frozen=True, kw_only=True):
    """A dry run: what would be done, in order."""

    type: ClassVar[str] = "dev.transship.planned.v1"

    index_digest: str = ""
    plan: tuple[str, ...] = ()


class Decided(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of one service, or of a *container* of it beside the one that serves; *deploy*: a request
    for it is on its way.
    """

    service: str
    container: str = ""
    project: str
    region: str
    reason: str
    deploy: bool


class Refreshed(Outcome, frozen=True, kw_only=True):
    """Somebody said that a tag may have moved, and these are the services that follow it.

    *digest* is what the tag means upstream, empty where it is gone; *origin* is who said so.
    """

    type: ClassVar[str] = "dev.transship.refreshed.v1"

    digest: str = ""
    origin: str = ""
    decisions: tuple[Decided, ...] = ()


class Swept(Outcome, frozen=True, kw_only=True):
    """A tick, or one of its shards: how many tags there are, were due, were looked at and moved.

    *missed* tags could not be looked at. *decisions* are those that are not "up to date"; *warmed*
    counts warm pulls asked for. *behind* counts tags of which the mirror says something else than
    the upstream; *lag_seconds* is how long the mirror has held the newer digest without its tag
    saying so, at the most.
    """

    type: ClassVar[str] = "dev.transship.swept.v1"

    tags: int
    due: int
    shards: int = 0
    looked: int = 0
    moved: int = 0
    missed: int = 0
    warmed: int = 0
    behind: int = 0
    lag_seconds: int = 0
    decisions: tuple[Decided, ...] = ()


class Warmed(Outcome, frozen=True, kw_only=True):
    """The mirror holds all of the image; *pulls_left* is what the upstream says of its quota."""

    type: ClassVar[str] = "dev.transship.warmed.v1"

    index_digest: str = ""
    child_digest: str = ""
    mirror_agrees: bool | None = None
    blobs: int = 0
    bytes: int = 0
    seconds: float = 0.0
    pulls_left: int | None = None


class Rejected(Outcome, frozen=True, kw_only=True):
    """The request can never succeed as it is; *reason* names the field or rule."""

    type: ClassVar[str] = "dev.transship.rejected.v1"

    error: str
    rule: str = ""


def _id(event_id: str, *, tried_again: bool) -> str:
    return f"{event_id}.{'tried_again' if tried_again else 'outcome'}"


def in_words(error: PermanentError) -> dict[str, str]:
    """The part of a rejection that does not depend on what was rejected."""
    rule = error.rule if isinstance(error, Refused) else ""
    return {"error": type(error).__name__, "reason": str(error), "rule": rule}


def cloud_event(outcome: Outcome, *, source: str, time: datetime) -> dict[str, Any]:
    """The outcome as a structured CloudEvent (CloudEvents 1.0, JSON format)."""
    where = f"projects/{outcome.project}/locations/{outcome.region}/services/{outcome.service}"
    return {
        "specversion": "1.0",
        "id": outcome.id,
        "source": source,
        "type": type(outcome).type,
        "time": time.isoformat(),
        **({"subject": where} if outcome.service else {}),
        "datacontenttype": "application/json",
        "data": outcome.fields(),
    }
