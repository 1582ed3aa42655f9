"""Hints: what one sets off, what it leaves alone, and what it costs the upstream."""

from datetime import timedelta
from typing import Any

import grpc
import pytest

from local import images, world
from local.manifests import index
from local.registry.faults import abuse_limit, unavailable
from local.run.behaviour import Fault
from tests.fixtures.events import event
from tests.fixtures.functions import SITE, Cloud, Function
from tests.fixtures.refresher import HINT, NOW, TAG, Refresher, annotate

LATER = NOW + timedelta(hours=1)


def test_a_moved_tag_asks_for_a_conditional_deploy(
    cloud: Cloud, refresher: Refresher, follower: str
) -> None:
    runs = cloud.service(follower).template.containers[0].image.partition("@")[2]
    moved = cloud.hub.push(SITE, "latest", images.static_site("two"))

    assert refresher.hint(message_id="7") == 200

    (asked,) = refresher.asked()
    assert (
        asked.items()
        >= {
            "kind": "deploy",
            "image": f"{TAG}@{moved}",
            "service": follower,
            "project": world.PROJECT,
            "region": world.LOCATION,
            "only_if": {"tracks": TAG, "runs": runs},
        }.items()
    )
    assert refresher.refreshed() == [
        {
            "event_id": "7",
            "image": TAG,
            "digest": moved,
            "origin": "webhook",
            "decisions": [
                {
                    "service": follower,
                    "project": world.PROJECT,
                    "region": world.LOCATION,
                    "reason": "new_image",
                    "deploy": True,
                }
            ],
        }
    ]


def test_the_deploy_that_was_asked_for_is_done_once(
    cloud: Cloud, refresher: Refresher, deployer: Function, follower: str
) -> None:
    # No container runs here that would answer a probe.
    annotate(cloud, follower, probe='{"patience": 1}')
    cloud.hub.push(SITE, "latest", images.static_site("two"))
    refresher.hint(message_id="7")
    refresher.hint(message_id="7")

    for asked in refresher.asked():
        assert deployer.push(asked) == 200

    assert len(refresher.asked()) == 2
    assert len(cloud.revision_names(follower)) == 2
    assert cloud.outcomes()[-1]["type"] == "dev.transship.unchanged.v1"


def test_a_tag_that_nobody_follows_costs_the_upstream_nothing(refresher: Refresher) -> None:
    before = refresher.heads()

    assert refresher.hint() == 200

    assert refresher.heads() - before == 0
    assert refresher.asked() == []
    assert refresher.cloud.outcomes() == []


def test_another_tag_of_a_followed_repository_costs_the_upstream_nothing(
    refresher: Refresher, follower: str
) -> None:
    before = refresher.heads()

    assert refresher.hint({**HINT, "image": f"docker.io/{SITE}:other"}) == 200

    assert refresher.heads() - before == 0
    assert refresher.refreshed() == []


def test_a_tag_that_has_not_moved_changes_nothing(refresher: Refresher, follower: str) -> None:
    assert refresher.hint() == 200

    (refreshed,) = refresher.refreshed()
    assert [decided["reason"] for decided in refreshed["decisions"]] == ["up_to_date"]
    assert refresher.asked() == []


@pytest.mark.parametrize(
    "principal", [world.DEPLOYER, world.RUN_AGENT, "1@cloudbuild.gserviceaccount.com"]
)
def test_a_bystanders_entry_is_ignored_before_anything_is_asked(
    refresher: Refresher, follower: str, principal: str
) -> None:
    before = refresher.heads()

    entry = event("synthetic_audit_get_manifest_by_tag")
    entry["protoPayload"]["authenticationInfo"]["principalEmail"] = principal
    outcomes = len(refresher.cloud.outcomes())

    assert refresher.hint(entry) == 200

    assert refresher.cloud.run.calls() == []
    assert refresher.heads() - before == 0
    assert len(refresher.cloud.outcomes()) == outcomes


def test_the_warmers_entry_is_a_hint(refresher: Refresher, follower: str) -> None:
    entry = event("synthetic_audit_get_manifest_by_tag")
    entry["protoPayload"]["authenticationInfo"]["principalEmail"] = world.WARMER

    assert refresher.hint(entry) == 200

    assert [refreshed["origin"] for refreshed in refresher.refreshed()] == ["audit"]


def test_hints_of_one_pull_are_one_look(refresher: Refresher, follower: str) -> None:
    before = refresher.heads()

    for _ in range(5):
        assert refresher.hint(event("synthetic_audit_get_manifest_by_tag")) == 200

    assert refresher.heads() - before == 1
    assert len(refresher.refreshed()) == 5


def test_a_newer_hint_waits_and_covers_those_that_follow_it(
    refresher: Refresher, follower: str
) -> None:
    before = refresher.heads()

    assert refresher.hint(message_id="1") == 200

    assert refresher.hint(message_id="2", published=LATER) == 503
    assert refresher.hint(message_id="3", published=LATER) == 200
    assert refresher.hint(message_id="2", published=LATER) == 503

    assert refresher.heads() - before == 1
    assert [refreshed["event_id"] for refreshed in refresher.refreshed()] == ["1"]


def test_an_entry_is_no_newer_than_its_publication(refresher: Refresher, follower: str) -> None:
    entry = event("synthetic_audit_get_manifest_by_tag") | {"timestamp": LATER.isoformat()}

    assert [refresher.hint(entry), refresher.hint(entry)] == [200, 200]


def test_a_deleted_tag_is_said_and_goes_on_running(
    cloud: Cloud, refresher: Refresher, follower: str
) -> None:
    cloud.hub.delete_tag(SITE, "latest")

    assert refresher.hint() == 200

    (refreshed,) = refresher.refreshed()
    assert "digest" not in refreshed
    assert refreshed["decisions"][0]["reason"] == "tag_deleted"
    (asked,) = refresher.asked()
    assert (asked["kind"], asked["reason"]) == ("explain", "tag_deleted")


@pytest.mark.parametrize("fault", [abuse_limit(), unavailable()])
def test_a_silent_upstream_defers_the_hint_and_is_not_asked_again_at_once(
    cloud: Cloud, refresher: Refresher, follower: str, fault: Any
) -> None:
    cloud.hub.faults.add(fault)
    assert refresher.hint(message_id="1") == 503
    asked = len(cloud.hub.requests)

    assert refresher.hint(message_id="1") == 503
    assert refresher.hint(message_id="2") == 503

    assert len(cloud.hub.requests) == asked
    assert refresher.asked() == []


def test_a_list_that_fails_defers_the_hint(refresher: Refresher, follower: str) -> None:
    code = grpc.StatusCode.UNAVAILABLE
    refresher.cloud.run.inject(Fault(method="v1.ListServices", code=code))

    assert refresher.hint(message_id="1") == 503
    assert refresher.hint(message_id="1") == 200


def test_an_index_that_changed_for_another_platform_only_is_left_to_the_deploy(
    cloud: Cloud, refresher: Refresher, deployer: Function, follower: str
) -> None:
    same, other = images.static_site("one"), images.static_site("two")
    mixed = index(same.child(images.AMD64), other.child(images.ARM64))
    cloud.hub.push(SITE, "latest", mixed)
    refresher.hint()

    (asked,) = refresher.asked()
    assert deployer.push(asked) == 200

    assert cloud.outcomes()[-1]["data"]["reason"] == "other_platform_only"
    assert len(cloud.revision_names(follower)) == 1
