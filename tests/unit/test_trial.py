"""A revision on trial, from its start to its end, with a Cloud Run small enough to look into."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.unit.nouns import a_service
from tests.unit.small_run import SmallRun
from tests.unit.trial_world import BAD, FIRST, GOOD, OTHER, World, told
from tests.unit.trials import CANDIDATE, begun, of_bad, service_of
from transship.errors import DeployPending
from transship.model.advance import Facts, Look, Steer, Wait, advance
from transship.model.candidate import begin, read_trial, revision_name
from transship.model.gate import Gate, Health, Verdict
from transship.model.outcome import Deployed, RolledBack
from transship.model.quarantine import quarantined, read_quarantine
from transship.model.traffic import NEXT_TAG, Share, public_text
from transship.model.witnessed import witnessed

pytestmark = pytest.mark.usefixtures("impatient")


def test_a_candidate_is_asked_for_in_one_write(world: World) -> None:
    before = service_of(world)
    world.tag = GOOD

    service = begun(world, world.event("2", **CANDIDATE))

    trial = read_trial(service)
    assert trial is not None
    assert service.generation == before.generation + 1
    assert service.asked_traffic == (
        Share(percent=100, revision=before.latest_created),
        Share(percent=0, revision=trial.revision, tag="next"),
        Share(percent=0, revision=before.latest_created, tag="prev"),
    )
    assert (trial.revision, trial.phase) == (service.latest_created, "gate")
    assert "transship-rollout" in service.labels
    assert world.run.served == [FIRST.value]


def test_users_own_tags_are_kept_to_the_end(world: World) -> None:
    theirs = Share(percent=0, revision="web-00001-abc", tag="stable")
    world.run.by_hand(asked_traffic=(Share(percent=100), theirs))
    world.run.pass_time()
    world.tag = GOOD

    event = world.event("2", **CANDIDATE)

    assert theirs in begun(world, event).asked_traffic
    world.settle(event)

    assert service_of(world).asked_traffic == (Share(percent=100), theirs)


def test_a_name_that_leaves_no_room_for_a_tag_is_decided_by_readiness() -> None:
    name = replace(a_service().name, service="x" * 43)
    current = a_service(name=name)
    started = begin(current, event_id="2", phase="gate", now=World().now())
    assert started is not None
    assert [share.tag for share in started.traffic] == [""]
    service = replace(
        current,
        annotations={**current.annotations, **_texts(started.marks.annotations)},
        asked_traffic=started.traffic,
        latest_created=started.revision,
        latest_ready=started.revision,
    )
    trial = read_trial(service)
    assert trial is not None

    step = advance(Facts(service=service, trial=trial, gate=Gate(), verdicts={}, now=World().now()))

    assert step == Look(tag=NEXT_TAG, uri="")


def _texts(annotations: object) -> dict[str, str]:
    return {key: value for key, value in annotations.items() if value}  # type: ignore[attr-defined]  # a mapping


def test_an_event_that_has_to_begin_again_makes_another_name() -> None:
    current = a_service()

    assert revision_name(current, "2") != revision_name(replace(current, generation=9), "2")
    assert (
        len(revision_name(replace(current, name=replace(current.name, service="x" * 49)), "2")) < 64
    )


def test_a_gate_is_patient_from_when_the_revision_is_ready(world: World) -> None:
    world.tag, world.health = BAD, lambda _child: Health.UNHEALTHY
    event = world.event("2", **CANDIDATE, probe={"patience": 300})
    ready_at = begun(world, event).condition.since
    assert ready_at is not None

    world.settle(event)

    (bad,) = read_quarantine(service_of(world).annotations)
    assert bad.at >= ready_at + timedelta(seconds=300)
    assert told(world, "2") == [("failed", "rejected")]


def test_a_revision_that_needs_a_while_is_given_it(world: World) -> None:
    world.tag = GOOD
    healthy_at = world.now() + timedelta(seconds=30)
    world.health = lambda _child: Health.HEALTHY if world.now() > healthy_at else Health.UNHEALTHY

    world.settle(world.event("2", **CANDIDATE))

    assert told(world, "2") == [("deployed", "new_image")]


def test_what_cannot_be_reached_is_decided_by_readiness_and_the_outcome_says_so(
    world: World,
) -> None:
    world.tag, world.health = GOOD, lambda _child: Health.UNREACHABLE

    world.settle(world.event("2", **CANDIDATE))

    outcome = world.published[-1]
    assert isinstance(outcome, Deployed)
    assert outcome.detail == "GET / of unreachable"


def test_patience_beyond_the_deadline_is_a_redelivery(world: World) -> None:
    world.tag = BAD
    event = world.event("2", **CANDIDATE, probe={"patience": 3600})

    with pytest.raises(DeployPending, match="still on trial"):
        world.deliver(event)

    world.settle(event)
    assert told(world, "2") == [("failed", "rejected")]


def test_a_revision_without_a_url_waits_for_it_a_while_only(world: World) -> None:
    world.tag = GOOD
    service = begun(world, world.event("2", **CANDIDATE))
    nowhere = replace(service, traffic=tuple(replace(one, uri="") for one in service.traffic))
    trial = read_trial(service)
    assert trial is not None
    facts = Facts(service=nowhere, trial=trial, gate=Gate(), verdicts={}, now=world.now())

    assert advance(facts) == Wait()
    assert advance(replace(facts, now=facts.now + timedelta(minutes=6))) == Look(tag="next", uri="")


def test_what_turns_bad_with_visitors_is_taken_back(world: World) -> None:
    world.tag, world.health = OTHER, lambda _child: Health.HEALTHY
    world.deliver(world.event("2", **CANDIDATE))
    assert world.run.served == [FIRST.value, OTHER.value]
    world.health = lambda child: Health.UNHEALTHY if child == OTHER.value else Health.HEALTHY

    world.settle()

    assert world.run.served == [FIRST.value, OTHER.value, FIRST.value]
    outcome = world.published[-1]
    assert isinstance(outcome, RolledBack)
    assert (outcome.id, outcome.serving) == ("2.rolled_back", "web-00001-abc")
    assert OTHER.value in quarantined(service_of(world).annotations)
    assert witnessed(service_of(world).annotations) == ("web-00001-abc",)


def test_nobody_is_sent_back_to_what_is_no_better(world: World) -> None:
    world.tag, world.health = OTHER, lambda _child: Health.HEALTHY
    world.deliver(world.event("2", **CANDIDATE))
    world.health = lambda _child: Health.UNHEALTHY

    world.settle()

    assert world.run.served == [FIRST.value, OTHER.value]
    assert "transship.dev/rollout" not in service_of(world).annotations
    assert witnessed(service_of(world).annotations) == (), "nor is it witnessed to be good"


def test_a_watch_without_ticks_ends_with_a_look(world: World) -> None:
    world.tag, world.health = OTHER, lambda _child: Health.HEALTHY
    world.deliver(world.event("2", **CANDIDATE))
    world.health = lambda child: Health.UNHEALTHY if child == OTHER.value else Health.HEALTHY
    world.run.pass_time(3600)

    world.settle()

    assert world.run.served[-1] == FIRST.value


def test_a_decision_is_the_same_however_often_it_is_asked(world: World) -> None:
    world.tag = GOOD
    service = begun(world, world.event("2", **CANDIDATE))
    trial = read_trial(service)
    assert trial is not None
    good = {NEXT_TAG: Verdict(health=Health.HEALTHY, evidence="GET / answers 200")}
    facts = Facts(service=service, trial=trial, gate=Gate(), verdicts=good, now=world.now())

    step = advance(facts)

    assert isinstance(step, Steer)
    assert step == advance(facts)


def test_before_cloud_run_has_done_nothing_is_decided(world: World) -> None:
    world.tag = BAD
    service = begun(world, world.event("2", **CANDIDATE))
    trial = read_trial(service)
    assert trial is not None
    facts = Facts(
        service=replace(service, reconciling=True),
        trial=trial,
        gate=Gate(),
        verdicts={NEXT_TAG: Verdict(health=Health.HEALTHY)},
        now=world.now(),
    )

    assert advance(facts) == Wait()


def test_the_slow_statuses_of_another_trial_name_no_revision_to_keep() -> None:
    """LATEST in a status that lags would be the candidate, which nobody has proved."""
    world = World(run=SmallRun(lag=True), health=of_bad)
    world.settle(world.event("1"))
    world.run.pass_time()
    world.tag = BAD
    service = begun(world, world.event("2", **CANDIDATE))
    assert public_text(service.traffic) == "LATEST=100"
    assert service.latest_ready == service.latest_created

    assert service.kept == "web-00001-abc"
