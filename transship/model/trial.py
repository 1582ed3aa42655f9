"""The rollout in progress, as it stands on the service."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

from transship.model.record import PREFIX

ROLLOUT_KEY = f"{PREFIX}rollout"

# "ready": visitors get it as soon as it is ready. "gate": it has to pass the gate before. "watch":
# they have it, and it is looked at for a while yet. What is new here is a line in
# transship.model.candidate.
Phase = Literal["ready", "gate", "watch"]


class Trial(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """*revision* is on trial, *previous* serves or served; *since* is when the phase began.

    *event_id* is of the deploy that began it, or of who has changed its course since. *held*:
    visitors do not get the revision until somebody releases it.
    """

    revision: str
    previous: str
    event_id: str
    phase: Phase
    since: datetime
    # Whose image is new; empty: the one's that serves.
    container: str = ""
    held: bool = False

    @property
    def undecided(self) -> bool:
        """Visitors do not have the revision yet."""
        return self.phase != "watch"


def trial_in(annotations: Mapping[str, str]) -> Trial | None:
    """None where there is none, or where another hand broke it."""
    try:
        return msgspec.json.decode(annotations[ROLLOUT_KEY], type=Trial)
    except (KeyError, msgspec.DecodeError):
        return None
