"""The function that looks at tags, as Cloud Scheduler and its own messages reach it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local import images, world
from tests.fixtures.functions import SITE, Cloud, Function, running
from tests.fixtures.topics import retained

TAG = f"docker.io/{SITE}:latest"
ASKED, SHARDS = world.subscription("asked"), world.subscription("shards")
SWEEP = {"kind": "sweep"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmer:
    """The function, and what it published."""

    function: Function
    cloud: Cloud

    def push(self, document: object, **wrapped: Any) -> int:
        return self.function.push(document, **{"published": datetime.now(UTC), **wrapped})

    def asked(self, subscription: str) -> list[dict[str, Any]]:
        return [json.loads(message.data) for message in self.cloud.pubsub.backlog(subscription)]

    def last(self) -> dict[str, Any]:
        event = self.cloud.outcomes()[-1]
        return {"type": event["type"].split(".")[2], **event["data"]}


def settings(cloud: Cloud, **others: str) -> dict[str, str]:
    return cloud.settings(
        TRANSSHIP_LOCAL_RUN_V1=cloud.run.v1_url,
        TRANSSHIP_REDEPLOY_TOPIC=world.REDEPLOY,
        TRANSSHIP_WARM_TOPIC=world.WARM,
        **others,
    )


@pytest.fixture
def warmer(cloud: Cloud) -> Iterator[Warmer]:
    topics = {world.REDEPLOY: ASKED, world.WARM: SHARDS}
    with (
        retained(cloud.pubsub.grpc_address, topics),
        running("warm_mirror", settings(cloud)) as function,
    ):
        yield Warmer(function=function, cloud=cloud)


@pytest.fixture
def follower(cloud: Cloud, deployer: Function) -> str:
    assert deployer.push({"image": SITE, "service": "web"}, published=datetime.now(UTC)) == 200
    return "web"


def test_a_tick_becomes_shards(warmer: Warmer, follower: str) -> None:
    assert warmer.push(SWEEP, message_id="7") == 200

    assert warmer.asked(SHARDS) == [{"kind": "shard", "tags": [TAG]}]
    said = {"type": "swept", "event_id": "7", "tags": 1, "due": 1, "shards": 1}
    assert warmer.last() == said


def test_a_shard_asks_for_what_moved(cloud: Cloud, warmer: Warmer, follower: str) -> None:
    moved = cloud.hub.push(SITE, "latest", images.static_site("two"))

    assert warmer.push({"kind": "shard", "tags": [TAG]}) == 200

    (asked,) = warmer.asked(ASKED)
    assert (asked["kind"], asked["image"], asked["only_if"]["tracks"]) == (
        "deploy",
        f"{TAG}@{moved}",
        TAG,
    )
    assert (warmer.last()["looked"], warmer.last()["moved"]) == (1, 1)
    assert warmer.asked(SHARDS) == [], "the deploy pulls by itself"


def test_a_warm_pull_stocks_the_mirror_and_says_so(cloud: Cloud, warmer: Warmer) -> None:
    assert warmer.push({"kind": "warm", "image": SITE}) == 200

    said = warmer.last()
    assert (said["type"], said["index_digest"]) == ("warmed", images.static_site("one").digest)
    assert (said["mirror_agrees"], said["blobs"]) == (True, 3)
    assert cloud.mirror.remote(world.REMOTE).tags(SITE) == ["latest"], "as the console lists it"


def test_what_a_later_tick_asks_for_is_dropped(warmer: Warmer, follower: str) -> None:
    late = datetime.now(UTC) - timedelta(minutes=11)
    for message in (SWEEP, {"kind": "shard", "tags": [TAG]}):
        assert warmer.push(message, published=late) == 200
        assert (warmer.last()["type"], warmer.last()["reason"]) == ("unchanged", "superseded")

    assert warmer.asked(SHARDS) == []


def test_what_somebody_named_is_not_dropped(warmer: Warmer) -> None:
    late = datetime.now(UTC) - timedelta(hours=2)

    assert warmer.push({"kind": "sweep", "tags": [SITE]}, published=late) == 200

    assert warmer.asked(SHARDS) == [{"kind": "shard", "tags": [TAG]}]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"kind": "sweeep"}, "InvalidEvent"),
        ({"kind": "shard", "tags": ["nginx@sha256:" + "a" * 64]}, "InvalidEvent"),
        ({"kind": "warm", "image": ":"}, "InvalidEvent"),
        ({"kind": "warm", "image": "ghcr.io/team/app"}, "Refused"),
        ({"kind": "warm", "image": "team/no-such-image"}, "AccessDenied"),
        ({"kind": "warm", "image": f"{SITE}:none"}, "ImageNotFound"),
    ],
)
def test_what_can_never_succeed_is_rejected(
    warmer: Warmer, message: dict[str, Any], error: str
) -> None:
    assert warmer.push(message) == 200

    assert (warmer.last()["type"], warmer.last()["error"]) == ("rejected", error)


def test_a_heated_tag_makes_no_outcome(warmer: Warmer) -> None:
    assert warmer.push({"kind": "heat", "tags": [TAG]}) == 200

    assert warmer.cloud.outcomes() == []


@pytest.mark.parametrize("tag", ["ghcr.io/team/app", "nginx@sha256:" + "a" * 64])
def test_a_tag_that_cannot_be_kept_warm_is_refused_at_the_start(cloud: Cloud, tag: str) -> None:
    with (
        pytest.raises(Exception, match="TRANSSHIP_KEEP_WARM"),
        running("warm_mirror", settings(cloud, TRANSSHIP_KEEP_WARM=tag)),
    ):
        pass
