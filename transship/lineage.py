"""The revisions of a service over time, each with what became of it: read from Cloud Run alone."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from transship.errors import InvalidReference
from transship.model.candidate import read_trial
from transship.model.digest import Digest
from transship.model.naming import ServiceName
from transship.model.quarantine import Bad, bad_revision
from transship.model.record import Record
from transship.model.reference import Reference, parse_reference
from transship.model.service import Revision, Service, State
from transship.model.trial import Trial
from transship.model.witnessed import witnessed

# Cloud Run keeps a thousand; people look at the last ones.
REVISIONS = 30


class Made(Protocol):
    """A revision, when it was made and what it was asked to run."""

    @property
    def revision(self) -> Revision: ...
    @property
    def created(self) -> datetime: ...
    @property
    def image(self) -> str: ...


class Lineage(Protocol):
    """The revisions of a service, newest first."""

    def of(self, name: ServiceName, *, limit: int) -> Iterable[Made]: ...


class Fate(StrEnum):
    """What became of a revision."""

    BAD = "turned out bad"
    NEVER_READY = "never ready"
    WATCHED = "serves, watched"
    SERVES = "serves"
    ON_TRIAL = "on trial"
    WITNESSED = "witnessed healthy"
    RETIRED = "retired"
    STARTING = "starting"


class Step(Struct, frozen=True, kw_only=True):
    """A revision. *percent* is its share of the visitors, *urls* those of its revision tags."""

    name: str
    created: datetime
    image: Reference | None
    record: Record | None
    fate: Fate
    evidence: str
    percent: int
    urls: Mapping[str, str]
    log_uri: str
    bad: Bad | None

    @property
    def child(self) -> Digest | None:
        return self.image.digest if self.image else None

    @property
    def digest(self) -> Digest | None:
        """The index where it is known: that is what compares with the upstream by eye."""
        return (self.record.index or self.record.child) if self.record else self.child

    @property
    def word(self) -> str:
        """What is wrong with it in the quarantine's word, else its fate."""
        return self.bad.reason.replace("_", " ") if self.bad else self.fate.value

    @property
    def takes_visitors(self) -> bool:
        """Whether a rollback to it makes sense."""
        return self.fate in {Fate.WITNESSED, Fate.RETIRED}


def steps(service: Service, lineage: Lineage, *, limit: int = REVISIONS) -> tuple[Step, ...]:
    """Newest first. Raises what the list of revisions raises."""
    trial, good = read_trial(service), witnessed(service.annotations)
    return tuple(
        _step(made, service, trial, good) for made in lineage.of(service.name, limit=limit)
    )


def _step(made: Made, service: Service, trial: Trial | None, good: tuple[str, ...]) -> Step:
    revision = made.revision
    shares = [
        share
        for share in service.traffic
        if (share.revision or service.latest_ready) == revision.name
    ]
    bad = bad_revision(service.annotations, revision.name)
    percent = sum(share.percent for share in shares)
    on_trial = trial is not None and trial.revision == revision.name
    is_ready = revision.condition.state is State.READY
    return Step(
        name=revision.name,
        created=made.created,
        image=_image(made.image),
        record=revision.record,
        fate=_fate(
            revision.condition.state,
            percent,
            is_bad=bad is not None,
            on_trial=on_trial,
            is_witnessed=revision.name in good,
        ),
        evidence=bad.evidence if bad else "" if is_ready else revision.condition.message,
        percent=percent,
        urls={share.tag: share.uri for share in shares if share.tag and share.uri},
        log_uri=revision.log_uri,
        bad=bad,
    )


def _fate(state: State, percent: int, *, is_bad: bool, on_trial: bool, is_witnessed: bool) -> Fate:
    facts = (
        (is_bad, Fate.BAD),
        (state is State.FAILED, Fate.NEVER_READY),
        (percent > 0 and on_trial, Fate.WATCHED),
        (percent > 0, Fate.SERVES),
        (on_trial, Fate.ON_TRIAL),
        (state is not State.READY, Fate.STARTING),
        (is_witnessed, Fate.WITNESSED),
    )
    return next((fate for is_so, fate in facts if is_so), Fate.RETIRED)


def _image(text: str) -> Reference | None:
    try:
        return parse_reference(text)
    except InvalidReference:
        return None
