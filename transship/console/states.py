"""The words, signs and moods of the page: a state is never told by its colour alone."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from transship.lineage import Fate, Step
from transship.model.reason import Reason, Underway


class Mood(StrEnum):
    """Also the name of a class in console.css."""

    GOOD = "good"
    MOVING = "moving"
    HELD = "held"
    BAD = "bad"
    UNKNOWN = "unknown"


class Sign(Struct, frozen=True, kw_only=True):
    mood: Mood
    text: str


_WORDS: dict[str, tuple[Mood, str]] = {
    Reason.UP_TO_DATE: (Mood.GOOD, "up to date"),
    Reason.OTHER_PLATFORM_ONLY: (Mood.GOOD, "up to date"),
    Underway.DUE: (Mood.MOVING, "due"),
    Underway.ON_TRIAL: (Mood.MOVING, "on trial"),
    Underway.WATCHED: (Mood.MOVING, "watched"),
    Reason.NEW_IMAGE: (Mood.MOVING, "due"),
    Reason.PACED: (Mood.MOVING, "paced"),
    Reason.HELD: (Mood.HELD, "held"),
    Reason.PINNED: (Mood.HELD, "pinned"),
    Reason.SKIPPED: (Mood.HELD, "skipped"),
    Reason.OPERATOR_HOLD: (Mood.HELD, "held by hand"),
    Reason.PAUSED: (Mood.HELD, "paused"),
    Reason.QUOTA: (Mood.HELD, "waits for quota"),
    Reason.FAILED_BEFORE: (Mood.BAD, "failed"),
    Reason.QUARANTINED: (Mood.BAD, "quarantined"),
    Reason.TRACKING_LOST: (Mood.BAD, "tracking lost"),
    Reason.TAG_DELETED: (Mood.BAD, "tag deleted"),
    Reason.REFUSED: (Mood.BAD, "refused"),
    Reason.UNLISTED_REGION: (Mood.BAD, "not allowed here"),
    Reason.UPSTREAM_UNAVAILABLE: (Mood.UNKNOWN, "upstream silent"),
}
# What needs somebody comes first.
_ORDER = (Mood.BAD, Mood.MOVING, Mood.HELD, Mood.UNKNOWN, Mood.GOOD)

_FATES = {
    Fate.BAD: Mood.BAD,
    Fate.NEVER_READY: Mood.BAD,
    Fate.WATCHED: Mood.MOVING,
    Fate.SERVES: Mood.GOOD,
    Fate.ON_TRIAL: Mood.MOVING,
    Fate.WITNESSED: Mood.UNKNOWN,
    Fate.RETIRED: Mood.UNKNOWN,
    Fate.STARTING: Mood.MOVING,
}

_OUTCOMES = {
    "deployed": Mood.GOOD,
    "as asked": Mood.GOOD,
    "rollback": Mood.GOOD,
    "failed": Mood.BAD,
    "rejected": Mood.BAD,
    "rolled_back": Mood.BAD,
    "unchanged": Mood.HELD,
    "planned": Mood.GOOD,
    # What a message steered, in its own word.
    "track": Mood.GOOD,
    "untrack": Mood.UNKNOWN,
    "hold": Mood.HELD,
    "pin": Mood.HELD,
    "skip": Mood.HELD,
    "release": Mood.GOOD,
    "clear": Mood.GOOD,
    "warmed": Mood.GOOD,
    "refreshed": Mood.MOVING,
    "swept": Mood.UNKNOWN,
}


def sign_of(reason: str) -> Sign:
    """Of a reason that is newer than this page, its own word."""
    mood, text = _WORDS.get(reason, (Mood.UNKNOWN, reason.replace("_", " ")))
    return Sign(mood=mood, text=text)


def sign_of_all(reasons: Sequence[str]) -> Sign:
    """Of the first, and beside "up to date" of what would keep it from the next image."""
    first = sign_of(reasons[0])
    held = (sign_of(reason) for reason in reasons[1:])
    beside = next((sign for sign in held if sign.mood is Mood.HELD), None)
    if first.mood is not Mood.GOOD or beside is None:
        return first
    return Sign(mood=Mood.HELD, text=f"{first.text}, {beside.text}")


def sign_of_step(step: Step) -> Sign:
    return Sign(mood=_FATES[step.fate], text=step.word)


def sign_of_outcome(kind: str) -> Sign:
    return Sign(mood=_OUTCOMES.get(kind, Mood.UNKNOWN), text=kind.replace("_", " "))


def rank(sign: Sign) -> int:
    return _ORDER.index(sign.mood)
