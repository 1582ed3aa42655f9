"""Why an event ended as it did, one word each, and how to change it.

The words are stable: they stand in outcomes, logs and annotations. docs/reasons.md is the table.
"""

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """The value is the word; ``help`` says how to clear it."""

    help: str

    def __new__(cls, word: str, clear: str) -> Self:
        member = str.__new__(cls, word)
        member._value_ = word
        member.help = clear
        return member

    NEW_SERVICE = "new_service", "nothing to clear: the service was made"
    NEW_IMAGE = "new_image", "nothing to clear: the service runs another digest now"
    NEW_SETTINGS = "new_settings", "nothing to clear: settings that the message names were changed"
    NEW_TRACKING = "new_tracking", "nothing to clear: what the service tracks was changed"
    NEW_ACCESS = "new_access", "nothing to clear: who may invoke the service was changed"
    UP_TO_DATE = "up_to_date", "nothing to do: the service is as the message asks"
    SUPERSEDED = "superseded", "a newer request was applied before; publish again to have this one"
    OPERATOR_HOLD = (
        "operator_hold",
        "traffic is pinned; `gcloud run services update-traffic SERVICE --to-latest` frees it",
    )
