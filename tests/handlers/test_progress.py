"""A deploy that somebody watches tells how far it is, and is the same deploy."""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import cast

import pytest

from local import world
from local.registry.faults import Fault
from tests.fixtures.functions import SITE, Cloud, Function, running
from tests.fixtures.stage import eventually

WATCHING = world.subscription("watching")


@pytest.fixture
def watched(cloud: Cloud) -> Iterator[Function]:
    """With a topic of progress, and somebody who listens."""
    cloud.topics.create_topic(name=world.PROGRESS)
    cloud._subscriber.create_subscription(name=WATCHING, topic=world.PROGRESS)
    settings = cloud.settings(TRANSSHIP_PROGRESS_TOPIC=world.PROGRESS)
    with running("deploy_image", settings) as function:
        yield function


def test_steps_are_told_with_the_event_and_the_service(cloud: Cloud, watched: Function) -> None:
    # The second step comes when the first has been out for a second.
    cloud.mirror.faults.add(Fault(path=".", method="GET", bytes_per_second=400_000))

    watched.push({"image": SITE, "service": "web", "progress": True}, message_id="42")

    eventually(lambda: bool(cloud.pubsub.backlog(WATCHING)), "a step is told")
    message = cloud.pubsub.backlog(WATCHING)[0]
    told = json.loads(message.data)
    assert told["event_id"] == "42"
    assert told["step"] in {"resolved", "pulling"}
    assert dict(message.attributes) == {"event_id": "42", "service": "web"}


def test_at_most_one_a_second_is_told_however_long_the_pull(
    cloud: Cloud, watched: Function
) -> None:
    cloud.mirror.faults.add(Fault(path=".", method="GET", bytes_per_second=400_000))

    watched.push({"image": SITE, "service": "web", "progress": True}, message_id="42")

    steps = cloud.pubsub.backlog(WATCHING)
    times = [cast("datetime", step.publish_time).timestamp() for step in steps]
    assert len(times) > 1
    # Published a little later than it was told, now and then.
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.9


def test_nothing_is_told_that_nobody_asked_for(cloud: Cloud, watched: Function) -> None:
    watched.push({"image": SITE, "service": "web"})

    assert [event["type"] for event in cloud.outcomes()] == ["dev.transship.deployed.v1"]
    assert cloud.pubsub.backlog(WATCHING) == []


def test_a_topic_that_is_not_there_is_no_failure(cloud: Cloud) -> None:
    settings = cloud.settings(TRANSSHIP_PROGRESS_TOPIC=world.topic("nowhere"))
    with running("deploy_image", settings) as function:
        assert function.push({"image": SITE, "service": "web", "progress": True}) == 200

    assert [event["type"] for event in cloud.outcomes()] == ["dev.transship.deployed.v1"]
