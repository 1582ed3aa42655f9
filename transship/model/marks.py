"""The labels and annotations by which a service says what it tracks.

Labels find a service, annotations say what is meant: a label's value cannot hold a reference.
"""

import re
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from transship.model.naming import tracking_label
from transship.model.record import SCHEMA, SCHEMA_KEY, TRACKS_KEY
from transship.model.reference import Reference

# On every service that tracks anything, so that one list finds them all.
TRACKED_LABEL = "transship-tracked"
# On every service that has a new revision on trial.
ROLLOUT_LABEL = "transship-rollout"
_TRACKING_LABEL = re.compile(rf"transship-[0-9a-f]{{40}}|{TRACKED_LABEL}")


def is_own_label(key: str) -> bool:
    """Bookkeeping, not a user's."""
    return key == ROLLOUT_LABEL or _is_tracking_label(key)


def _is_tracking_label(key: str) -> bool:
    return _TRACKING_LABEL.fullmatch(key) is not None


class Marks(Struct, frozen=True, kw_only=True):
    """Changes to a service's own annotations and labels; None removes."""

    annotations: Mapping[str, str | None] = msgspec.field(default_factory=dict)
    labels: Mapping[str, str | None] = msgspec.field(default_factory=dict)


NO_MARKS = Marks()


def merged(*marks: Marks) -> Marks:
    """All of them at once; the later ones win."""
    annotations: dict[str, str | None] = {}
    labels: dict[str, str | None] = {}
    for one in marks:
        annotations.update(one.annotations)
        labels.update(one.labels)
    return Marks(annotations=annotations, labels=labels)


def tracking_marks(tracks: Reference | None, labels: Iterable[str]) -> Marks:
    """*labels* are those that the service has: one for each repository that it tracks, no more."""
    gone: dict[str, str | None] = dict.fromkeys(filter(_is_tracking_label, labels))
    if tracks is None:
        return Marks(annotations={TRACKS_KEY: None, SCHEMA_KEY: SCHEMA}, labels=gone)
    return Marks(
        annotations={TRACKS_KEY: str(tracks), SCHEMA_KEY: SCHEMA},
        labels={**gone, tracking_label(tracks.name): "", TRACKED_LABEL: ""},
    )
