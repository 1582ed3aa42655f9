"""The messages of the warm topic, and what a tick makes of the tags there are."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.nouns import IMAGE, MIRRORS, NAME, NOON
from transship.errors import InvalidEvent
from transship.model.follow import Follower
from transship.model.reference import parse_reference
from transship.model.sweeping import (
    SHARD,
    HeatRequest,
    ShardRequest,
    SweepRequest,
    WarmRequest,
    decode_warm_message,
    due,
    moved_at,
    shards,
    tags_of,
)

TICK = timedelta(minutes=10)
TAGS = [parse_reference(f"team/app-{number}:1") for number in range(450)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", SweepRequest()),
        ('{"kind": "sweep", "tags": ["nginx"]}', SweepRequest(tags=["nginx"])),
        ('{"kind": "shard", "tags": ["nginx"]}', ShardRequest(tags=["nginx"])),
        ('{"kind": "warm", "image": "nginx"}', WarmRequest(image="nginx")),
        ('{"kind": "heat", "tags": ["nginx"]}', HeatRequest(tags=["nginx"])),
    ],
)
def test_the_kinds_of_messages(text: str, message: object) -> None:
    assert decode_warm_message(text.encode()) == message


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"kind": "sweep", "tag": "nginx"}, "did you mean `tags`"),
        ({"kind": "sweeep"}, "sweep, shard, warm, heat"),
        ({"kind": "shard", "tags": []}, r"\$\.tags"),
        ({"kind": "shard", "tags": ["x"] * (SHARD + 1)}, r"\$\.tags"),
        ({"kind": "warm"}, "image"),
        ({"kind": "warm", "image": ""}, r"\$\.image"),
        ({"kind": "sweep", "tags": ["x"] * 10_001}, r"\$\.tags"),
        ([], "object"),
    ],
)
def test_what_is_wrong_is_named(document: object, said: str) -> None:
    with pytest.raises(InvalidEvent, match=said):
        decode_warm_message(json.dumps(document).encode())


@pytest.mark.parametrize("text", ["nginx@sha256:" + "a" * 64, "not a reference", ":"])
def test_what_cannot_move_is_no_tag(text: str) -> None:
    with pytest.raises(InvalidEvent, match=r"\$\.tags"):
        tags_of([text], MIRRORS)


def test_a_tag_in_a_mirror_is_the_upstreams() -> None:
    mirrored = "asia-northeast1-docker.pkg.dev/sample-project/docker/nginx:1"

    assert tags_of([mirrored], MIRRORS) == [parse_reference("docker.io/library/nginx:1")]


def test_a_tag_moved_when_the_last_of_its_followers_was_told() -> None:
    def follower(**facts: Any) -> Follower:
        return Follower(name=NAME, image=None, **facts)

    found = moved_at(
        [
            follower(tracks=IMAGE, moved_at=NOON),
            follower(tracks=IMAGE, moved_at=NOON - TICK),
            follower(tracks=IMAGE),
            follower(tracks=TAGS[0]),
            follower(tracks=None, moved_at=NOON),
        ]
    )

    assert found == {IMAGE: NOON, TAGS[0]: None}


def test_a_tick_that_comes_twice_makes_the_same_shards() -> None:
    tags = dict.fromkeys(TAGS)
    first = due(tags, [], frozenset(), published_at=NOON, tick=TICK)
    again = due(dict(reversed(tags.items())), [], frozenset(), published_at=NOON, tick=TICK)

    assert shards(first) == shards(again)
    assert [len(shard.tags) for shard in shards(first)] == [200, 200, 50]
    assert [tag for shard in shards(first) for tag in shard.tags] == sorted(map(str, TAGS))


def test_what_is_named_or_hot_is_due_and_what_rests_waits_for_its_turn() -> None:
    rested = NOON - timedelta(days=9)
    tags = dict.fromkeys(TAGS, rested)
    resting = due(tags, [], frozenset(), published_at=NOON, tick=TICK)
    waiting = [tag for tag in TAGS if tag not in resting]
    named, hot = waiting[0], waiting[1]

    timely = due(tags, [named], frozenset({hot}), published_at=NOON, tick=TICK)

    assert {named, hot} <= set(timely)
    assert len(timely) < len(TAGS) / 3
    # Hot, and followed by nobody any more: nobody asks.
    assert due({}, [], frozenset({hot}), published_at=NOON, tick=TICK) == []
