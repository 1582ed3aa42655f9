"""A message that was given up: what is written down of it, and what it takes to publish it again.

Pub/Sub forwards the message under a new id, with where it came from among its attributes
(https://cloud.google.com/pubsub/docs/dead-letter-topics#how_dead_letter_topics_work). That id is
the dead letter's, on every subscription of the topic: the record in the log and the retained copy
are of the same one. docs/adr/0010-dead-letters.md says how the two go together.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

import msgspec
from msgspec import Struct

from transship.errors import InvalidEvent

_SOURCE = "CloudPubSubDeadLetterSource"
SOURCE_PUBLISHED = f"{_SOURCE}TopicPublishTime"
# The filter of the retained subscription: a verdict is no dead letter.
RETAINED_FILTER = f"attributes:{_SOURCE}Subscription"

# On a message that is published again: the dead letter that it is, whose id is the event's.
REPLAY_OF = "replay_of"
# And when it was published for the first time: Pub/Sub's own attribute is of its last round.
FIRST_PUBLISHED = "first_published"
_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")

# A log entry has at most 256 KiB (https://cloud.google.com/logging/quotas#log-limits), its JSON may
# escape what it holds, and base64 takes a third more. Messages that we accept are rarely over 2 KB.
TEXT_LIMIT = 64 * 1024
_ATTRIBUTES_LIMIT = 32 * 1024


class Verdict(StrEnum):
    REPLAYED = "replayed"
    DISCARDED = "discarded"


class Judged(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody has replayed or discarded *dead_letter*; said on the topic of dead letters."""

    dead_letter: Annotated[str, msgspec.Meta(pattern=rf"^{_ID.pattern}\Z")]
    verdict: Verdict
    by: Annotated[str, msgspec.Meta(max_length=200)] = ""

    @property
    def attributes(self) -> dict[str, str]:
        return {"dead_letter": self.dead_letter, "verdict": self.verdict.value}


class DeadLetter(Struct, frozen=True, kw_only=True):
    """*subscription* gave it up, empty where nobody did: ``projects/P/subscriptions/S``.

    *data* None: it was longer than a record holds, and *size* and *sha256* are all that is known.
    """

    id: str
    subscription: str
    deliveries: int
    published_at: datetime
    attributes: Mapping[str, str]
    data: bytes | None
    size: int
    sha256: str

    def __repr__(self) -> str:
        # What people published is theirs, and long.
        return f"DeadLetter({self.id!r}, {self.size} bytes)"

    @classmethod
    def of(
        cls, message_id: str, data: bytes, attributes: Mapping[str, str], published_at: datetime
    ) -> Self:
        """*published_at* is when it was first published, before anybody gave it up."""
        project, name = (
            attributes.get(f"{_SOURCE}{what}", "")
            for what in ("SubscriptionProject", "Subscription")
        )
        count = attributes.get(f"{_SOURCE}DeliveryCount", "")
        return cls(
            id=message_id,
            subscription=f"projects/{project}/subscriptions/{name}" if project and name else "",
            deliveries=int(count) if count.isdecimal() else 0,
            published_at=published_at,
            attributes={k: text for k, text in attributes.items() if not k.startswith(_SOURCE)},
            data=data,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )

    def fields(self) -> dict[str, Any]:
        """For one log entry, whatever the message was. `read` is the way back."""
        return {
            "dead_letter": self.id,
            "subscription": self.subscription,
            "deliveries": self.deliveries,
            "published_at": self.published_at.isoformat(),
            "size": self.size,
            "sha256": self.sha256,
            **_bounded(self.attributes),
            **({} if self.data is None else _written(self.data)),
        }

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self | None:
        """From the fields of a log entry; None where they are not a dead letter's."""
        try:
            entry = msgspec.convert(fields, type=_Entry)
            return cls(
                id=entry.dead_letter,
                subscription=entry.subscription,
                # Cloud Logging keeps numbers as doubles.
                deliveries=int(entry.deliveries),
                published_at=entry.published_at,
                attributes=entry.attributes,
                data=entry.content(),
                size=int(entry.size),
                sha256=entry.sha256,
            )
        except (msgspec.ValidationError, ValueError):
            return None

    def again(self) -> dict[str, str]:
        """The attributes of the message that repeats it.

        With its first time, so that it does not undo what was asked for since; with its identity,
        so that a second replay is the first one's redelivery.
        """
        return {
            REPLAY_OF: self.id,
            **self.attributes,
            FIRST_PUBLISHED: self.published_at.isoformat(),
        }


class _Entry(msgspec.Struct, frozen=True):
    dead_letter: str
    subscription: str
    deliveries: float
    published_at: Annotated[datetime, msgspec.Meta(tz=True)]
    size: float
    sha256: str
    attributes: dict[str, str] = {}
    attributes_cut: bool = False
    text: str | None = None
    base64: str | None = None

    def content(self) -> bytes | None:
        """None where the record does not hold all of the message."""
        if self.attributes_cut or (self.text is None and self.base64 is None):
            return None
        data = base64.b64decode(self.base64) if self.base64 else (self.text or "").encode()
        return data if hashlib.sha256(data).hexdigest() == self.sha256 else None


def topic_again(topic: str) -> str:
    """Where a message that was on *topic* is published again.

    `gcr` is Google's name and the whole project's, and what others hear on it is not ours to
    repeat: the same function takes the same message from the topic of hints.

    >>> topic_again("projects/sample-project/topics/gcr")
    'projects/sample-project/topics/transship-hints'
    >>> topic_again("projects/sample-project/topics/transship-deploy")
    'projects/sample-project/topics/transship-deploy'
    """
    place, _, name = topic.rpartition("/")
    return f"{place}/transship-hints" if name == "gcr" else topic


def is_judgement(attributes: Mapping[str, str]) -> bool:
    return "verdict" in attributes and f"{_SOURCE}Subscription" not in attributes


def decode_judgement(data: bytes) -> Judged:
    """Raises InvalidEvent, which names the field."""
    try:
        return msgspec.json.decode(data, type=Judged)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidEvent(f"not a verdict on a dead letter: {error}") from error


def identity(message_id: str, attributes: Mapping[str, str]) -> str:
    """Of the event that a message is: its own id, or that of the dead letter which it repeats."""
    first = attributes.get(REPLAY_OF, "")
    return first if _ID.fullmatch(first) else message_id


def _bounded(attributes: Mapping[str, str]) -> dict[str, Any]:
    if len(msgspec.json.encode(attributes)) > _ATTRIBUTES_LIMIT:
        return {"attributes_cut": True}
    return {"attributes": dict(attributes)}


def _written(data: bytes) -> dict[str, str]:
    """As text where it is some, so that it can be read where logs are; else in base64."""
    if len(data) > TEXT_LIMIT:
        return {}
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
    # What JSON has to escape may be six times as long.
    if len(msgspec.json.encode(text)) > 2 * TEXT_LIMIT:
        return {"base64": base64.b64encode(data).decode()}
    return {"text": text}
