"""Because somebody says so: rollbacks, and what clears a digest that turned out bad."""

import pytest

from tests.unit.nouns import NOON, a_service
from tests.unit.trial_world import BAD, FIRST, GOOD, OTHER, World, told
from tests.unit.trials import CANDIDATE, UNWATCHED, refused, service_of
from transship.model.gate import Health
from transship.model.marks import Marks
from transship.model.outcome import RolledBack
from transship.model.quarantine import quarantine_marks, quarantined, read_quarantine
from transship.model.traffic import public_text

pytestmark = pytest.mark.usefixtures("impatient")


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

    refused(
        world,
        world.event("3", kind="rollback", revision="web-none"),
        "web-none is not a ready revision",
    )
    world.settle(world.event("4", kind="rollback", revision="web-00001-abc"))

    assert world.run.served[-1] == FIRST.value


def test_a_rollback_to_what_serves_changes_nothing(world: World) -> None:
    promoted(world)
    serving = service_of(world).serving

    world.settle(world.event("3", kind="rollback", revision=serving))

    assert told(world, "3") == [("steered", "up_to_date")]
    assert read_quarantine(service_of(world).annotations) == ()


def test_a_rollback_with_nothing_to_go_back_to_is_refused(world: World) -> None:
    refused(world, world.event("2", kind="rollback"), "there is no earlier revision")


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

    assert told(world, "4") == [("steered", "steered"), ("deployed", "new_image")]
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


def test_what_another_hand_broke_is_no_quarantine() -> None:
    assert read_quarantine({"transship.dev/quarantine": "{"}) == ()
    nothing = quarantine_marks(a_service(), None, "web-1", reason="", evidence="", at=NOON)
    assert nothing == Marks()
