"""A revision on trial, from its start to its end, with a Cloud Run small enough to look into."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import stamina
from msgspec.structs import replace

from tests.unit.nouns import NOON, a_deploy, a_record, a_service
from tests.unit.scripted_run import answering
from tests.unit.small_run import SmallRun
from tests.unit.trial_world import BAD, FIRST, GOOD, OTHER, Event, World, reseeded, told
from transship.conclude import conclude
from transship.errors import DeployPending, Refused, TemporaryError
from transship.model.advance import Facts, Look, Steer, Wait, advance
from transship.model.candidate import begin, read_trial, revision_name
from transship.model.gate import Gate, Health, Verdict
from transship.model.marks import Marks
from transship.model.outcome import Deployed, RolledBack, Steered
from transship.model.quarantine import quarantine_marks, quarantined, read_quarantine
from transship.model.service import Service
from transship.model.traffic import NEXT_TAG, Share, public_text
from transship.model.witnessed import witnessed
from transship.rollout import Landed

CANDIDATE = {"strategy": "candidate"}
UNWATCHED = {**CANDIDATE, "probe": {"watch": 0}}


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


def of_bad(child: str) -> Health:
    return Health.UNHEALTHY if child == BAD.value else Health.HEALTHY


@pytest.fixture
def world() -> World:
    """A service that serves the first image; the third one is bad."""
    reseeded()
    world = World(health=of_bad)
    world.settle(world.event("1"))
    return world


def service_of(world: World) -> Service:
    assert world.run.service is not None
    return world.run.service


def begun(world: World, event: Event) -> Service:
    """Its revision is on trial and ready; nobody has looked at it yet."""

    def stop(point: str) -> None:
        if point == "after services.replace":
            raise TemporaryError

    world.hook, before = stop, world.hook
    with pytest.raises(TemporaryError):
        world.deliver(event)
    world.hook = before
    world.run.pass_time()
    return service_of(world)


# Beginning


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


# The gate


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


# The watch


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


# Somebody else, meanwhile


def test_an_operators_traffic_ends_a_trial_and_stays(world: World) -> None:
    world.tag = GOOD
    event = world.event("2", **CANDIDATE)
    trial = read_trial(begun(world, event))
    assert trial is not None
    split = (
        Share(percent=50, revision=trial.previous),
        Share(percent=50, revision=trial.revision, tag="next"),
    )
    world.run.by_hand(asked_traffic=split)
    world.run.pass_time()

    world.settle(event)

    assert public_text(service_of(world).asked_traffic) == public_text(split)
    assert {share.tag for share in service_of(world).asked_traffic} == {""}
    assert "transship-rollout" not in service_of(world).labels
    assert told(world, "2") == [("unchanged", "operator_hold")]


def test_a_deploy_by_hand_that_fails_brings_nobody_to_the_unproved(world: World) -> None:
    world.tag = BAD
    event = world.event("2", **CANDIDATE)
    begun(world, event)
    world.run.never_ready.add(OTHER.value)
    world.run.deploy_by_hand("web-theirs", OTHER.value)
    world.run.pass_time()

    world.settle(event)

    assert world.run.served == [FIRST.value]
    assert told(world, "2") == [("unchanged", "superseded")]


def test_a_message_for_what_is_on_trial_waits_for_the_trial(world: World) -> None:
    world.tag = BAD
    first = world.event("2", **CANDIDATE)
    begun(world, first)

    world.settle(world.event("3"))

    assert told(world, "3") == [("failed", "rejected")]
    world.settle(first)
    assert told(world, "2") == [("failed", "rejected")]
    assert len(world.run.revisions) == 2


def test_how_the_next_images_start_is_recorded_without_a_revision(world: World) -> None:
    world.settle(world.event("2", **UNWATCHED))

    annotations = service_of(world).annotations
    assert annotations["transship.dev/strategy"] == "candidate"
    assert annotations["transship.dev/probe"] == '{"watch":0}'
    assert told(world, "2") == [("deployed", "steered")]
    assert len(world.run.revisions) == 1

    world.tag = GOOD
    world.settle(world.event("3"))
    assert "next" not in {share.tag for share in service_of(world).asked_traffic}
    assert read_trial(service_of(world)) is None
    assert len(witnessed(service_of(world).annotations)) == 2, "on trial, as recorded"


def test_a_service_that_never_served_has_nothing_to_keep(world: World) -> None:
    other = World(run=SmallRun(never_ready={BAD.value}), tag=BAD)
    other.settle(other.event("1"))
    assert told(other, "1") == [("failed", "never_ready")]
    other.tag = GOOD

    other.settle(other.event("2", **CANDIDATE))

    assert told(other, "2") == [("deployed", "new_image")]
    assert other.run.served == [GOOD.value]


def test_an_immediate_deploy_that_fails_leaves_visitors_where_they_are(world: World) -> None:
    world.tag = BAD
    world.settle(world.event("2", **CANDIDATE))
    world.run.never_ready.add(OTHER.value)
    world.tag = OTHER

    world.settle(world.event("3", strategy="immediate"))

    assert told(world, "3") == [("failed", "never_ready")]
    assert world.run.served == [FIRST.value]


def test_what_asks_for_the_image_of_a_trial_that_another_overtakes_comes_again() -> None:
    first, second = (
        replace(
            a_service(a_record(cause=event_id)),
            annotations={
                **a_service().annotations,
                "transship.dev/rollout": (
                    f'{{"revision": "web-1", "previous": "web-0", "event_id": "{event_id}",'
                    ' "phase": "gate", "since": "2026-11-24T11:00:00Z"}'
                ),
                "transship.dev/traffic": "web-0=100",
            },
            asked_traffic=(Share(percent=100, revision="web-0"),),
        )
        for event_id in ("1", "2")
    )
    cloud_run = answering(first, second).cloud_run()

    with pytest.raises(DeployPending, match="another image came on trial"):
        conclude(a_deploy(event_id="3"), Landed(seen=None), cloud_run)


# Because somebody says so


def promoted(world: World) -> None:
    world.tag = GOOD
    world.settle(world.event("2", **UNWATCHED))
    assert world.run.served[-1] == GOOD.value


def test_a_rollback_goes_to_the_last_that_was_good(world: World) -> None:
    promoted(world)
    event = world.event("3", kind="rollback", by="ann", why="slow")

    world.settle(event)
    world.settle(event)

    outcome = world.published[-1]
    assert isinstance(outcome, RolledBack)
    assert (outcome.serving, outcome.detail) == ("web-00001-abc", "by ann: slow")
    assert outcome.child_digest == GOOD.value
    assert told(world, "3") == [("rolled_back", "withdrawn")], "twice in the same words"
    assert world.run.served == [FIRST.value, GOOD.value, FIRST.value]
    (bad,) = read_quarantine(service_of(world).annotations)
    assert (bad.child, bad.reason) == (GOOD.value, "withdrawn")


def test_a_rollback_names_its_revision(world: World) -> None:
    promoted(world)

    with pytest.raises(Refused, match="web-none is not a ready revision"):
        world.deliver(world.event("3", kind="rollback", revision="web-none"))
    world.settle(world.event("4", kind="rollback", revision="web-00001-abc"))

    assert world.run.served[-1] == FIRST.value


def test_a_rollback_to_what_serves_changes_nothing(world: World) -> None:
    promoted(world)
    serving = service_of(world).serving

    world.settle(world.event("3", kind="rollback", revision=serving))

    assert told(world, "3") == [("steered", "up_to_date")]
    assert read_quarantine(service_of(world).annotations) == ()


def test_a_rollback_with_nothing_to_go_back_to_is_refused(world: World) -> None:
    with pytest.raises(Refused, match="there is no earlier revision"):
        world.deliver(world.event("2", kind="rollback"))


def test_a_rollback_that_comes_after_a_newer_deploy_is_superseded(world: World) -> None:
    late = world.event("3", kind="rollback")
    world.run.pass_time(10)
    promoted(world)

    world.settle(late)

    assert told(world, "3") == [("steered", "superseded")]
    assert world.run.served[-1] == GOOD.value


def test_a_second_rollback_goes_further_back(world: World) -> None:
    """What has the visitors by then is not the newest revision."""
    promoted(world)
    world.tag = OTHER
    world.settle(world.event("3", **UNWATCHED))
    world.settle(world.event("4", kind="rollback"))
    assert world.run.served[-1] == GOOD.value

    world.settle(world.event("5", kind="rollback"))

    assert world.run.served[-1] == FIRST.value
    outcome = world.published[-1]
    assert isinstance(outcome, RolledBack)
    assert outcome.child_digest == GOOD.value
    assert quarantined(service_of(world).annotations) >= {OTHER.value, GOOD.value}


def test_what_was_cleared_serves_again(world: World) -> None:
    promoted(world)
    back = world.event("3", kind="rollback")
    world.settle(back)

    world.settle(world.event("4", kind="clear", digest=GOOD.value, by="ann"))

    assert isinstance(world.published[-1], Steered)
    assert told(world, "4") == [("steered", "steered")]
    assert public_text(service_of(world).asked_traffic) == "LATEST=100"
    assert world.run.served[-1] == GOOD.value
    world.settle(back)
    assert world.run.served[-1] == GOOD.value, "the rollback came before"


def test_clearing_one_digest_leaves_visitors_where_another_is_bad(world: World) -> None:
    world.tag = BAD
    world.settle(world.event("2", **CANDIDATE))
    world.tag = OTHER
    world.run.never_ready.add(OTHER.value)
    world.settle(world.event("3", **CANDIDATE))

    world.settle(world.event("4", kind="clear", digest=OTHER.value))

    # The latest that is ready is the bad one.
    assert public_text(service_of(world).asked_traffic) == "web-00001-abc=100"
    assert quarantined(service_of(world).annotations) >= {BAD.value}
    assert OTHER.value not in quarantined(service_of(world).annotations)
    assert world.run.served == [FIRST.value]


def test_nothing_to_clear_is_no_write(world: World) -> None:
    before = service_of(world)

    world.settle(world.event("2", kind="clear"))

    assert service_of(world) is before
    assert told(world, "2") == [("steered", "up_to_date")]


def test_a_deploy_by_whoever_knows_tries_a_bad_digest_again(world: World) -> None:
    world.tag = BAD
    world.settle(world.event("2", **CANDIDATE))
    world.health = lambda _child: Health.HEALTHY

    world.settle(world.event("3", **UNWATCHED))

    assert told(world, "3") == [("deployed", "new_image")]
    assert world.run.served == [FIRST.value, BAD.value]
    assert read_quarantine(service_of(world).annotations) == ()


def test_a_step_of_another_events_trial_is_none(world: World) -> None:
    world.tag = GOOD
    service = begun(world, world.event("2", **CANDIDATE))

    world.deliver(world.event("9", kind="advance", event_id="1"))

    assert service_of(world) is service


def test_what_another_hand_broke_is_no_quarantine() -> None:
    assert read_quarantine({"transship.dev/quarantine": "{"}) == ()
    nothing = quarantine_marks(a_service(), None, "web-1", reason="", evidence="", at=NOON)
    assert nothing == Marks()


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
