"""The labels and annotations by which a service says what it tracks.

Labels find a service, annotations say what is meant: a label's value cannot hold a reference.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from transship.model.naming import tracking_label
from transship.model.record import SCHEMA, SCHEMA_KEY, TRACKS_KEY
from transship.model.reference import Reference

# On every service that tracks anything, so that one list finds them all.
TRACKED_LABEL = "transship-tracked"
_OWN_LABEL = re.compile(rf"transship-[0-9a-f]{{40}}|{TRACKED_LABEL}")


def is_own_label(key: str) -> bool:
    """Bookkeeping, not a user's: neither shown to him nor kept when it no longer holds."""
    return _OWN_LABEL.fullmatch(key) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Changes to a service's own annotations and labels; None removes."""

    annotations: Mapping[str, str | None] = field(default_factory=dict)
    labels: Mapping[str, str | None] = field(default_factory=dict)


def tracking_marks(tracks: Reference | None, labels: Iterable[str]) -> Marks:
    """*labels* are those that the service has: one for each repository that it tracks, no more."""
    gone: dict[str, str | None] = dict.fromkeys(filter(is_own_label, labels))
    if tracks is None:
        return Marks(annotations={TRACKS_KEY: None, SCHEMA_KEY: SCHEMA}, labels=gone)
    return Marks(
        annotations={TRACKS_KEY: str(tracks), SCHEMA_KEY: SCHEMA},
        labels={**gone, tracking_label(tracks.name): "", TRACKED_LABEL: ""},
    )
