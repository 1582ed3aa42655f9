"""What becomes of the services that follow a tag, and what they are told."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from transship.followers import Decision, announce, decide, told
from transship.model.digest import Digest
from transship.model.follow import Follower
from transship.model.messages import DeployRequest, decode_message
from transship.model.naming import ServiceName
from transship.model.outcome import Decided
from transship.model.policy_document import parse_policy
from transship.model.reason import Reason
from transship.model.reference import parse_reference
from transship.model.rules import Rules
from transship.model.steering import ExplainRequest

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
OLD, NEW = (Digest(f"sha256:{letter * 64}") for letter in "ab")
TAG = parse_reference("dockersamples/static-site:latest")
MIRRORED = parse_reference(
    "asia-northeast1-docker.pkg.dev/sample-project/docker/dockersamples/static-site"
)
WEB = Follower(
    name=ServiceName(project="sample-project", region="asia-northeast1", service="web"),
    tracks=TAG,
    image=MIRRORED.pin(OLD),
)


@dataclass(slots=True)
class Topic:
    sent: list[tuple[dict[str, object], dict[str, str]]] = field(default_factory=list)

    def send(self, data: bytes, attributes: dict[str, str]) -> None:
        decode_message(data)
        self.sent.append((json.loads(data), attributes))


def reason(follower: Follower, *, to: Digest | None = NEW, policy: str = "{}") -> Reason:
    image = TAG.pin(to) if to else TAG
    (decision,) = decide(
        [follower],
        image,
        policy=parse_policy(policy, project="sample-project"),
        rules=Rules(),
        now=NOON,
    )
    return decision.reason


def announced(follower: Follower, reason: Reason) -> list[tuple[dict[str, object], dict[str, str]]]:
    topic = Topic()
    announce([Decision(follower=follower, reason=reason)], TAG.pin(NEW), cause="7", send=topic.send)
    return topic.sent


def test_a_moved_tag_is_deployed() -> None:
    assert reason(WEB) is Reason.NEW_IMAGE


def test_an_index_whose_child_runs_is_up_to_date() -> None:
    assert reason(replace(WEB, index=NEW)) is Reason.UP_TO_DATE


def test_a_deleted_tag_goes_on_running() -> None:
    assert reason(WEB, to=None) is Reason.TAG_DELETED


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ('{"images": ["docker.io/library/*"]}', Reason.REFUSED),
        ('{"images": ["docker.io/dockersamples/*:1.*"]}', Reason.REFUSED),
        (f'{{"images": ["docker.io/dockersamples/*@{OLD}"]}}', Reason.REFUSED),
        (f'{{"images": ["docker.io/dockersamples/*@{NEW}"]}}', Reason.NEW_IMAGE),
        ('{"targets": []}', Reason.UNLISTED_REGION),
        ('{"targets": [{"project": "other-project"}]}', Reason.UNLISTED_REGION),
    ],
)
def test_policy_holds_for_what_was_deployed_before(policy: str, why: Reason) -> None:
    assert reason(WEB, policy=policy) is why


def test_what_is_up_to_date_is_not_refused() -> None:
    assert reason(WEB, to=OLD, policy='{"images": []}') is Reason.UP_TO_DATE


def test_a_deploy_is_asked_for_on_conditions() -> None:
    ((message, attributes),) = announced(WEB, Reason.NEW_IMAGE)

    request = decode_message(json.dumps(message).encode())
    assert isinstance(request, DeployRequest)
    assert message["image"] == f"{TAG}@{NEW}"
    assert message["only_if"] == {"tracks": str(TAG), "runs": str(OLD)}
    assert attributes == {
        "kind": "deploy",
        "project": "sample-project",
        "region": "asia-northeast1",
        "service": "web",
        "cause": "7",
    }


def test_a_service_that_runs_a_tag_runs_no_known_digest() -> None:
    ((message, _),) = announced(replace(WEB, image=TAG), Reason.NEW_IMAGE)

    assert message["only_if"] == {"tracks": str(TAG), "runs": ""}


def test_a_service_is_told_why_it_does_not_follow() -> None:
    ((message, attributes),) = announced(WEB, Reason.HELD)

    assert isinstance(decode_message(json.dumps(message).encode()), ExplainRequest)
    assert (message["reason"], attributes["kind"]) == ("held", "explain")


@pytest.mark.parametrize(
    ("follower", "why"),
    [
        (replace(WEB, why="held"), Reason.HELD),
        (WEB, Reason.UP_TO_DATE),
    ],
)
def test_what_a_service_says_already_is_not_said_again(follower: Follower, why: Reason) -> None:
    assert announced(follower, why) == []


def test_a_service_that_follows_again_no_longer_says_why_not() -> None:
    ((message, _),) = announced(replace(WEB, why="held"), Reason.UP_TO_DATE)

    assert message["reason"] == ""


def test_the_deploy_itself_takes_back_why_not() -> None:
    sent = announced(replace(WEB, why="held"), Reason.NEW_IMAGE)

    assert [message["kind"] for message, _ in sent] == ["deploy"]


def test_an_outcome_lists_every_service() -> None:
    decisions = [Decision(follower=WEB, reason=each) for each in (Reason.NEW_IMAGE, Reason.HELD)]
    place = {"service": "web", "project": "sample-project", "region": "asia-northeast1"}

    assert told(decisions) == (
        Decided(**place, reason="new_image", deploy=True),
        Decided(**place, reason="held", deploy=False),
    )
