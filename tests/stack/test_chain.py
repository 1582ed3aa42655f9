"""The whole chain, over both implementations of Pub/Sub: from a message to a page."""

from collections.abc import Iterator

import grpc
import pytest

from local import images, world
from local.pubsub.google_emulator import Absent, GoogleEmulator
from local.run.behaviour import Fault
from tests.fixtures.stage import PATIENCE, Stage, eventually, staged

pytestmark = pytest.mark.stack

IMPATIENT = world.topic("transship-deploy-impatient")


@pytest.fixture(scope="module", params=["ours", "google"])
def stage(
    request: pytest.FixtureRequest,
    shared_stage: Stage,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    if request.param == "ours":
        yield shared_stage
        shared_stage.clear()
        return
    try:
        emulator = GoogleEmulator()
    except Absent as absent:
        pytest.skip(str(absent))
    with staged(tmp_path_factory.mktemp("google"), emulator) as stage:
        yield stage


def test_a_message_becomes_a_page(stage: Stage) -> None:
    web = stage.fresh()

    told = stage.settle(web.message(allow_unauthenticated=True))

    assert told["type"] == "deployed"
    assert told["changed"]
    assert told["public"]
    status, page = stage.page(told["url"])
    assert (status, web.service in page) == (200, True)


def test_a_moved_tag_becomes_another_page_by_the_next_message(stage: Stage) -> None:
    web = stage.fresh()
    before = stage.settle(web.message(allow_unauthenticated=True))
    stage.hub.push(web.repository, "latest", images.static_site("moved"))

    after = stage.settle(web.message())

    assert after["url"] == before["url"]
    assert after["reason"] == "new_image"
    assert "moved" in stage.page(after["url"])[1]
    assert stage.page(after["url"])[0] == 200, "still public: nobody asked otherwise"


def test_the_same_again_changes_nothing(stage: Stage) -> None:
    web = stage.fresh()
    first = stage.settle(web.message())

    again = stage.settle(web.message())

    assert (again["changed"], again["revision"]) == (False, first["revision"])
    assert stage.writes(web) == ["CreateService"]


def test_what_failed_for_a_moment_is_redelivered_and_deployed_once(stage: Stage) -> None:
    web = stage.fresh()
    failing = Fault(method="CreateService", code=grpc.StatusCode.INTERNAL, times=2)
    stage.run.inject(failing)

    told = stage.settle(web.message())

    assert told["type"] == "deployed"
    assert stage.writes(web) == ["CreateService"] * 3
    assert len(stage.revisions(web)) == 1


def test_a_poison_message_becomes_a_dead_letter_and_can_be_replayed(stage: Stage) -> None:
    publisher, subscriber = stage.stack.publisher(), stage.stack.subscriber()
    publisher.create_topic(name=IMPATIENT)
    subscriber.create_subscription(
        {
            "name": world.subscription("transship-deploy-impatient"),
            "topic": IMPATIENT,
            "push_config": {"push_endpoint": f"{stage.function.url}/{IMPATIENT}"},
            "ack_deadline_seconds": 60,
            # Without a retry policy: with any, Google's emulator takes three seconds an attempt.
            "dead_letter_policy": {
                "dead_letter_topic": world.DEAD_LETTER,
                "max_delivery_attempts": 5,
            },
        }
    )
    web = stage.fresh()
    poison = Fault(
        method="GetService",
        code=grpc.StatusCode.INTERNAL,
        resource=web.full_name,
        times=1000,
    )
    stage.run.inject(poison)

    event_id = stage.publish(web.message(), topic=IMPATIENT)
    dead = subscriber.pull(
        subscription=world.subscription("transship-dead-letter-retained"),
        max_messages=1,
        timeout=PATIENCE,
    )

    (letter,) = (received.message for received in dead.received_messages)
    asked = [call for call in stage.run.calls("GetService") if call.resource == web.full_name]
    assert len(asked) == 5
    assert letter.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert stage.writes(web) == []
    stage.run.journal.clear_faults()

    replayed = stage.publish(letter.data, attributes=letter.attributes)

    assert event_id != replayed
    assert stage.outcome(replayed)["type"] == "deployed"
    eventually(lambda: stage.page(stage.service(web).uri)[0] == 403, "private, and there")
