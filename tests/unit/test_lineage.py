"""The revisions of a service, each with what became of it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from tests.unit.nouns import CHILD, NOON, a_record, a_revision, a_service, mirrored
from transship.lineage import Fate, Step, steps
from transship.model.naming import ServiceName
from transship.model.quarantine import quarantine_marks
from transship.model.service import Condition, Revision, Service, State
from transship.model.traffic import Share
from transship.model.trial import ROLLOUT_KEY, Phase, Trial
from transship.model.witnessed import WITNESSED_KEY


class One(Struct, frozen=True):
    revision: Revision
    created: datetime = NOON
    image: str = str(mirrored().pin(CHILD))


class Listed(Struct, frozen=True):
    """The revisions that there are."""

    made: tuple[One, ...]

    def of(self, _name: ServiceName, *, limit: int) -> Iterable[One]:
        return self.made[:limit]


def service(annotations: Mapping[str, Any] | None = None, *, serving: str = "web-1") -> Service:
    share = Share(percent=100, revision=serving)
    return a_service(
        a_record(), annotations=annotations or {}, traffic=(share,), asked_traffic=(share,)
    )


def only(of: Service, name: str = "web-2", state: State = State.READY, **facts: Any) -> Step:
    condition = Condition(state=state, message="" if state is State.READY else "no port")
    revision = a_revision(a_record(), name=name, condition=condition, **facts)
    (step,) = steps(of, Listed((One(revision),)))
    return step


def trial(revision: str, phase: Phase) -> dict[str, str]:
    on = Trial(revision=revision, previous="web-1", event_id="2", phase=phase, since=NOON)
    return {ROLLOUT_KEY: msgspec.json.encode(on).decode()}


def test_what_has_visitors_serves() -> None:
    step = only(service(), "web-1")

    assert (step.fate, step.percent, step.takes_visitors) == (Fate.SERVES, 100, False)


def test_a_candidate_is_on_trial_and_takes_no_visitors() -> None:
    step = only(service(trial("web-2", "gate")))

    assert (step.fate, step.takes_visitors) == (Fate.ON_TRIAL, False)


def test_what_is_watched_serves() -> None:
    assert only(service(trial("web-1", "watch")), "web-1").fate is Fate.WATCHED


@pytest.mark.parametrize("good", ["web-2", "web-3 web-2"])
def test_one_of_those_that_passed_is_witnessed(good: str) -> None:
    step = only(service({WITNESSED_KEY: good}))

    assert (step.fate, step.takes_visitors) == (Fate.WITNESSED, True)


def test_one_that_served_before_is_retired_and_takes_visitors() -> None:
    assert only(service()).takes_visitors


def test_what_turned_out_bad_says_why() -> None:
    of = service()
    bad = quarantine_marks(
        of, a_record(), "web-2", reason="rolled_back", evidence="GET / was 500", at=NOON
    )

    step = only(service(bad.annotations))

    assert (step.fate, step.word, step.evidence) == (Fate.BAD, "rolled back", "GET / was 500")
    assert not step.takes_visitors


def test_what_never_became_ready_says_what_cloud_run_says() -> None:
    step = only(service(), state=State.FAILED)

    assert (step.fate, step.evidence) == (Fate.NEVER_READY, "no port")


def test_what_is_not_ready_yet_starts() -> None:
    assert only(service(), state=State.WORKING).fate is Fate.STARTING


def test_no_more_than_asked_for_are_shown() -> None:
    made = tuple(One(a_revision(a_record(), name=f"web-{number}")) for number in range(5))

    assert [step.name for step in steps(service(), Listed(made), limit=2)] == ["web-0", "web-1"]
