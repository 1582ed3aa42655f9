"""When Cloud Run has done with a service, and who set its traffic."""

from typing import Any

import pytest

from tests.unit.nouns import FAILED, PINNED, WORKING, a_service
from transship.model.traffic import Share

TAGGED = Share(percent=0, revision="web-1", tag="mine")


@pytest.mark.parametrize(
    ("fields", "finished"),
    [
        ({}, True),
        ({"reconciling": True}, False),
        ({"condition": WORKING}, False),
        ({"generation": 2}, False),
        # Of a generation that failed, observed_generation stays at the last that served.
        ({"generation": 2, "condition": FAILED}, True),
        ({"generation": 2, "condition": FAILED, "reconciling": True}, False),
        # Ready, and the traffic not yet moved.
        ({"latest_created": "web-2", "latest_ready": "web-2", "traffic": PINNED}, False),
        ({"latest_created": "web-2"}, False),
        ({"traffic": ()}, False),
        # It will never move: somebody pinned it.
        ({"latest_created": "web-2", "asked_traffic": PINNED, "traffic": PINNED}, True),
        ({"traffic": (Share(percent=100, revision="web-1"), TAGGED)}, True),
    ],
)
def test_a_service_is_finished_when_it_failed_or_serves(
    fields: dict[str, Any], *, finished: bool
) -> None:
    assert a_service(**fields).finished is finished


@pytest.mark.parametrize(
    ("traffic", "pinned"),
    [
        ((), False),
        ((Share(percent=100),), False),
        ((Share(percent=100), TAGGED), False),
        (PINNED, True),
        ((Share(percent=50), Share(percent=50, revision="web-1")), True),
        ((Share(percent=0), Share(percent=100, revision="web-1")), True),
    ],
)
def test_traffic_is_pinned_unless_all_of_it_follows_the_latest(
    traffic: tuple[Share, ...], *, pinned: bool
) -> None:
    assert a_service(asked_traffic=traffic).is_pinned is pinned


def test_a_service_without_containers_has_no_image() -> None:
    assert a_service(containers=()).image is None


def test_a_tracked_tag_that_somebody_broke_is_none() -> None:
    assert a_service(annotations={"transship.dev/tracks": "not an image"}).tracks is None
