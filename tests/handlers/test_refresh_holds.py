"""Why a service does not follow the tag that a hint names, and that it is said once."""

import json
from typing import Any

import pytest
from google.cloud import run_v2

from local import images, world
from tests.fixtures.functions import SITE, Cloud, Function, running
from tests.fixtures.operations import finished
from tests.fixtures.refresher import Refresher, annotate, settings


def test_why_a_service_does_not_follow_is_said_once(
    cloud: Cloud, refresher: Refresher, deployer: Function, follower: str
) -> None:
    annotate(cloud, follower, hold="{}")
    cloud.hub.push(SITE, "latest", images.static_site("two"))

    assert refresher.hint(message_id="1") == 200
    (asked,) = refresher.asked()
    assert (asked["kind"], asked["service"], asked["reason"]) == ("explain", follower, "held")
    deployer.push(asked)
    assert refresher.hint(message_id="2") == 200

    assert len(refresher.asked()) == 1
    assert cloud.service(follower).annotations["transship.dev/why"] == "held"
    assert len(cloud.revision_names(follower)) == 1


def test_a_stale_why_is_taken_back(cloud: Cloud, refresher: Refresher, follower: str) -> None:
    annotate(cloud, follower, why="held")

    assert refresher.hint() == 200

    (asked,) = refresher.asked()
    assert (asked["kind"], asked["reason"]) == ("explain", "")


def test_traffic_that_an_operator_pinned_is_a_hold(
    cloud: Cloud, refresher: Refresher, follower: str
) -> None:
    service = cloud.service(follower)
    service.traffic = [
        run_v2.TrafficTarget(
            type_="TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION",
            revision=service.latest_ready_revision.rpartition("/")[2],
            percent=100,
        )
    ]
    finished(cloud.services.update_service(service=service))
    cloud.hub.push(SITE, "latest", images.static_site("two"))

    assert refresher.hint() == 200

    assert [asked["reason"] for asked in refresher.asked()] == ["operator_hold"]


@pytest.mark.usefixtures("refresher_topics")
@pytest.mark.parametrize(
    ("policy", "reason", "kinds"),
    [
        ({"images": ["docker.io/library/*"]}, "refused", ["explain"]),
        # Where nothing may be deployed, nothing is written either.
        ({"targets": [{"project": world.PROJECT, "region": "europe-*"}]}, "unlisted_region", []),
    ],
)
def test_a_policy_that_was_tightened_holds_for_what_was_deployed_before(
    cloud: Cloud, follower: str, policy: dict[str, Any], reason: str, kinds: list[str]
) -> None:
    cloud.hub.push(SITE, "latest", images.static_site("two"))
    with running(
        "refresh_services", settings(cloud, TRANSSHIP_POLICY=json.dumps(policy))
    ) as function:
        refresher = Refresher(function=function, cloud=cloud)
        assert refresher.hint() == 200

    assert [asked["kind"] for asked in refresher.asked()] == kinds
    (refreshed,) = refresher.refreshed()
    assert refreshed["decisions"][0]["reason"] == reason


def test_paused_everywhere_nothing_is_deployed(
    cloud: Cloud, refresher_topics: None, follower: str
) -> None:
    cloud.hub.push(SITE, "latest", images.static_site("two"))
    with running("refresh_services", settings(cloud, TRANSSHIP_PAUSED="true")) as function:
        refresher = Refresher(function=function, cloud=cloud)
        assert refresher.hint() == 200

    assert [asked["reason"] for asked in refresher.asked()] == ["paused"]
