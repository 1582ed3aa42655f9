"""Steps of a deploy, told through its parts: never in its way."""

import json
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest

from tests.unit.nouns import a_deploy
from tests.unit.trial_world import World
from transship.errors import ImageNotFound, RateLimited, ServiceUnavailable
from transship.progress import Step, Told, watched

PATIENCE = 10.0


class Topic:
    """Takes what is published, *slowly* or not at all."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.published: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._before = before

    def send(self, data: bytes, attributes: dict[str, str]) -> None:
        self._before()
        self.published.put({**json.loads(data), "attributes": attributes})


@pytest.fixture
def told() -> Told:
    return Told(event_id="42")


def listen(told: Told, topic: Topic, *, pause: float = 0.0) -> threading.Thread:
    thread = threading.Thread(
        target=told.publish, args=(topic.send, {"service": "web"}), kwargs={"pause": pause}
    )
    thread.start()
    return thread


def end(told: Told, thread: threading.Thread) -> None:
    told.end()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_step_is_published_with_the_event_and_how_far_it_is(told: Told) -> None:
    topic = Topic()
    thread = listen(told, topic)

    told.tell(Step.PULLING, 1, 2)

    assert topic.published.get(timeout=PATIENCE) == {
        "event_id": "42",
        "step": "pulling",
        "bytes": 1,
        "total": 2,
        "attributes": {"service": "web"},
    }
    end(told, thread)


def test_a_step_that_comes_too_soon_gives_way_to_the_next(told: Told) -> None:
    topic = Topic()
    thread = listen(told, topic, pause=PATIENCE)
    told.tell(Step.RESOLVED)
    assert topic.published.get(timeout=PATIENCE)["step"] == "resolved"

    for done in range(1000):
        told.tell(Step.PULLING, done, 1000)
    end(told, thread)

    assert topic.published.empty(), "within the pause nothing is published"


def test_a_topic_that_hangs_keeps_nobody_waiting(told: Told) -> None:
    hanging, answered = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        answered.wait(PATIENCE)

    thread = listen(told, Topic(hang))
    told.tell(Step.RESOLVED)
    assert hanging.wait(PATIENCE)

    began = time.monotonic()
    told.tell(Step.PROVED)
    told.end()

    assert time.monotonic() - began < PATIENCE / 2
    answered.set()
    thread.join(PATIENCE)


def test_a_topic_that_fails_is_no_failure(told: Told) -> None:
    failures = iter([ServiceUnavailable("no"), None])

    def fail() -> None:
        if error := next(failures):
            raise error

    topic = Topic(fail)
    thread = listen(told, topic)

    told.tell(Step.RESOLVED)
    until = time.monotonic() + PATIENCE
    while topic.published.empty() and time.monotonic() < until:
        told.tell(Step.PROVED)
        time.sleep(0.01)

    assert topic.published.get_nowait()["step"] == "proved"
    end(told, thread)


def test_a_deploy_that_is_tried_again_says_why() -> None:
    topic = Topic()
    world = World()

    with pytest.raises(RateLimited), watched(a_deploy(), world.parts(), topic.send):
        raise RateLimited("429", source="docker.io")

    said = topic.published.get(timeout=PATIENCE)
    assert (said["step"], said["reason"]) == ("delayed", "429")


def test_a_deploy_that_ends_is_not_tried_again() -> None:
    topic = Topic()
    world = World()

    with pytest.raises(ImageNotFound), watched(a_deploy(), world.parts(), topic.send):
        raise ImageNotFound("gone")

    assert topic.published.empty()
