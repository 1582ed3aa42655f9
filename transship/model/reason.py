"""Why an event ended as it did, one word each, and how to change it.

The words are stable: they stand in outcomes, logs and annotations. docs/reasons.md is generated
from here.
"""

from enum import StrEnum
from typing import Self


class _Word(StrEnum):
    """The value is the word; ``help`` says how to clear it."""

    help: str

    def __new__(cls, word: str, clear: str) -> Self:
        member = str.__new__(cls, word)
        member._value_ = word
        member.help = clear
        return member


class Underway(_Word):
    """What is on its way by itself: said of a service to people, never the end of an event."""

    DUE = (
        "due",
        "nothing to clear: the tag means another digest, which the next hint or sweep deploys",
    )
    ON_TRIAL = (
        "on_trial",
        "nothing to clear: visitors keep what they have until the new revision passes its gate",
    )
    WATCHED = (
        "watched",
        "nothing to clear: visitors have the new revision, and lose it should it fail meanwhile",
    )


class Reason(_Word):
    """Why an event ended."""

    # Something was done.
    NEW_SERVICE = "new_service", "nothing to clear: the service was made"
    NEW_IMAGE = "new_image", "nothing to clear: the service runs another digest now"
    NEW_SETTINGS = "new_settings", "nothing to clear: settings that the message names were changed"
    NEW_TRACKING = "new_tracking", "nothing to clear: what the service tracks was changed"
    STEERED = "steered", "nothing to clear: how the service follows its tag was changed"
    NEW_ACCESS = "new_access", "nothing to clear: who may invoke the service was changed"

    # Nothing had to be done.
    UP_TO_DATE = "up_to_date", "nothing to do: the service is as asked"
    OTHER_PLATFORM_ONLY = (
        "other_platform_only",
        "nothing to do: the tag moved, what runs on this platform did not; it was recorded",
    )
    SUPERSEDED = "superseded", "a newer request was applied before; publish again to have this one"

    # Somebody wants it so.
    HELD = "held", "a `release` message ends the hold"
    PINNED = "pinned", "a `release` message ends the pin"
    SKIPPED = "skipped", "wait for the tag to move on, or publish a `release` message"
    OPERATOR_HOLD = (
        "operator_hold",
        "`gcloud run services update-traffic --to-latest`, or `release` for an image set by hand",
    )
    PAUSED = "paused", "set TRANSSHIP_PAUSED to false: automatic deploys are paused everywhere"
    PACED = "paced", "wait: the service had its automatic deploys of this hour; a later one follows"

    # Something is in the way.
    FAILED_BEFORE = (
        "failed_before",
        "this digest never became ready here; move the tag on, or publish a `deploy` message",
    )
    QUARANTINED = (
        "quarantined",
        "this digest turned out bad here; move the tag on, or publish a `clear` message",
    )
    TRACKING_LOST = (
        "tracking_lost",
        "the annotations that say what is tracked are gone; publish a `track` message",
    )
    UNLISTED_REGION = "unlisted_region", "add the project and region to the policy's targets"
    REFUSED = "refused", "policy no longer allows the image; change the policy, or untrack"
    TAG_DELETED = "tag_deleted", "the tag is gone upstream; what runs goes on running"
    UPSTREAM_UNAVAILABLE = (
        "upstream_unavailable",
        "wait: the upstream is asked again by itself; the log says what it answers",
    )
    QUOTA = "quota", "wait: the upstream allows no more for now, or what it allows is for deploys"
