"""Hints: what one sets off, what it leaves alone, and what it costs the upstream."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.cloud import run_v2

from local import images, world
from local.manifests import index
from local.registry.faults import abuse_limit, unavailable
from local.run.behaviour import Fault
from tests.fixtures.events import event
from tests.fixtures.functions import SITE, Cloud, Function, running
from tests.fixtures.operations import finished
from tests.fixtures.topics import retained

TAG = f"docker.io/{SITE}:latest"
HINT = {"kind": "hint", "image": TAG, "origin": "webhook"}
ASKED = world.subscription("asked")
NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresher:
    """The function, and what it published."""

    function: Function
    cloud: Cloud

    def hint(self, document: object = HINT, **wrapped: Any) -> int:
        return self.function.push(document, **{"published": NOW, **wrapped})

    def asked(self) -> list[dict[str, Any]]:
        """The messages on the topic of automatic deploys."""
        return [json.loads(message.data) for message in self.cloud.pubsub.backlog(ASKED)]

    def refreshed(self) -> list[dict[str, Any]]:
        return [
            outcome["data"]
            for outcome in self.cloud.outcomes()
            if outcome["type"] == "dev.transship.refreshed.v1"
        ]

    def heads(self) -> int:
        """How often Docker Hub was asked what a tag means."""
        return sum(seen.method == "HEAD" and seen.status != 401 for seen in self.cloud.hub.requests)


def settings(cloud: Cloud, **others: str) -> dict[str, str]:
    return cloud.settings(
        TRANSSHIP_LOCAL_RUN_V1=cloud.run.v1_url,
        TRANSSHIP_LOCAL_ACCOUNT=world.REFRESHER,
        TRANSSHIP_REDEPLOY_TOPIC=world.REDEPLOY,
        TRANSSHIP_WARM_TOPIC=world.WARM,
        TRANSSHIP_IGNORED_PRINCIPALS=world.DEPLOYER,
        **others,
    )


@pytest.fixture
def topic(cloud: Cloud) -> Iterator[None]:
    with retained(cloud.pubsub.grpc_address, {world.REDEPLOY: ASKED, world.WARM: ""}):
        yield


@pytest.fixture
def refresher(cloud: Cloud, topic: None) -> Iterator[Refresher]:
    with running("refresh_services", settings(cloud)) as function:
        yield Refresher(function=function, cloud=cloud)


@pytest.fixture
def follower(cloud: Cloud, deployer: Function) -> str:
    """A service that follows the tag and runs what it means; nothing counted yet."""
    assert deployer.push({"image": SITE, "service": "web"}, published=NOW) == 200
    cloud.run.journal.forget_calls()
    return "web"


def annotate(cloud: Cloud, name: str, **annotations: str) -> None:
    service = cloud.service(name)
    service.annotations.update(
        {f"transship.dev/{key}": value for key, value in annotations.items()}
    )
    finished(cloud.services.update_service(service=service))


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


@pytest.mark.usefixtures("topic")
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


def test_paused_everywhere_nothing_is_deployed(cloud: Cloud, topic: None, follower: str) -> None:
    cloud.hub.push(SITE, "latest", images.static_site("two"))
    with running("refresh_services", settings(cloud, TRANSSHIP_PAUSED="true")) as function:
        refresher = Refresher(function=function, cloud=cloud)
        assert refresher.hint() == 200

    assert [asked["reason"] for asked in refresher.asked()] == ["paused"]


def test_a_list_that_fails_defers_the_hint(refresher: Refresher, follower: str) -> None:
    code = grpc.StatusCode.UNAVAILABLE
    refresher.cloud.run.inject(Fault(method="v1.ListServices", code=code))

    assert refresher.hint(message_id="1") == 503
    assert refresher.hint(message_id="1") == 200


def test_an_unwrapped_push_is_the_same_hint(refresher: Refresher, follower: str) -> None:
    entry = json.dumps(event("synthetic_audit_head_manifest_by_tag")).encode()
    headers = {
        "X-Goog-Pubsub-Message-Id": "7",
        "X-Goog-Pubsub-Publish-Time": NOW.isoformat(),
        "X-Goog-Pubsub-Subscription-Name": world.subscription("transship-hints"),
    }

    assert refresher.function.post(entry, headers) == 200

    (refreshed,) = refresher.refreshed()
    assert (refreshed["event_id"], refreshed["image"]) == ("7", TAG)


def test_a_structured_cloud_event_is_the_same_hint(refresher: Refresher, follower: str) -> None:
    document = event("synthetic_cloudevent_get_manifest")
    body = json.dumps(document).encode()

    assert (
        refresher.function.post(
            body, {"Content-Type": "application/cloudevents+json; charset=utf-8"}
        )
        == 200
    )

    (refreshed,) = refresher.refreshed()
    assert (refreshed["event_id"], refreshed["image"]) == (document["id"], TAG)


@pytest.mark.parametrize("spelled", [str, str.lower])
def test_a_binary_cloud_event_is_the_same_hint_however_its_extensions_are_spelled(
    refresher: Refresher, follower: str, spelled: Any
) -> None:
    document = event("synthetic_cloudevent_get_manifest")
    body = json.dumps(document.pop("data")).encode()
    headers = {f"ce-{spelled(key)}": value for key, value in document.items()}

    assert refresher.function.post(body, headers) == 200

    (refreshed,) = refresher.refreshed()
    assert (refreshed["event_id"], refreshed["image"]) == (document["id"], TAG)


def test_a_gcr_message_is_the_same_hint(refresher: Refresher, follower: str) -> None:
    image = f"{world.MIRROR}/{SITE}"
    message = {"action": "INSERT", "digest": f"{image}@sha256:0", "tag": f"{image}:latest"}

    assert refresher.hint(message) == 200

    assert [refreshed["origin"] for refreshed in refresher.refreshed()] == ["gcr"]


@pytest.mark.parametrize("data", [b"", b"{}", b'{"image": "nginx"}', b"\xff"])
def test_what_is_no_hint_is_rejected_and_told(refresher: Refresher, data: bytes) -> None:
    assert refresher.function.push(data) == 200

    (outcome,) = refresher.cloud.outcomes()
    assert outcome["data"]["error"] == "InvalidEvent"


def test_pushes_with_duplicated_fields_are_read(refresher: Refresher) -> None:
    body = json.dumps(event("push_with_duplicated_fields")).encode()

    assert refresher.function.post(body) == 200

    (outcome,) = refresher.cloud.outcomes()
    assert outcome["id"] == "message-id.outcome"


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
