"""What becomes of the services that follow a tag: a decision for each, and a message with it.

Nothing is deployed here. Each service gets a request of its own, so that each succeeds, is retried
and is given up alone; and each request is conditional, so that a second one of its kind changes
nothing.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

import msgspec
from msgspec import Struct

from transship.deadline import Deadline
from transship.errors import Refused
from transship.model.follow import Follower, follow
from transship.model.messages import DeployRequest, OnlyIf
from transship.model.outcome import Decided
from transship.model.policy import Policy, admit_image
from transship.model.reason import Reason
from transship.model.reference import Reference
from transship.model.rules import Rules
from transship.model.steering import ExplainRequest

# Publishes data and attributes to the topic of automatic deploys.
Send = Callable[[bytes, dict[str, str]], object]

_SILENT = frozenset({Reason.UP_TO_DATE, Reason.NEW_IMAGE})
# Where policy does not let us write.
_NOT_OURS = frozenset({Reason.UNLISTED_REGION})


class Fleet(Protocol):
    """The services of every project that policy names."""

    def labelled(self, label: str, *, deadline: Deadline) -> list[Follower]: ...


class Decision(Struct, frozen=True, kw_only=True):
    follower: Follower
    reason: Reason

    @property
    def deploys(self) -> bool:
        return self.reason is Reason.NEW_IMAGE

    @property
    def why(self) -> str:
        """What the service is to say of itself; nothing where it follows."""
        return "" if self.reason in _SILENT else self.reason.value


def decide(
    followers: Iterable[Follower],
    image: Reference,
    *,
    policy: Policy,
    rules: Rules,
    now: datetime,
) -> list[Decision]:
    """*image* is the tag with the digest that it means now; without one it is gone upstream."""
    return [
        Decision(follower=follower, reason=_reason(follower, image, policy, rules, now))
        for follower in followers
    ]


def announce(decisions: Iterable[Decision], image: Reference, *, cause: str, send: Send) -> None:
    """Ask for the deploys, and have each service say why not where that has changed.

    Sent again, by a redelivery of *cause*, the same messages change nothing.
    """
    for decision in decisions:
        if decision.deploys:
            _send(_deploy(decision.follower, image), decision, cause, send)
        elif decision.reason not in _NOT_OURS and decision.why != decision.follower.why:
            _send(_explain(decision), decision, cause, send)


def told(decisions: Iterable[Decision]) -> tuple[Decided, ...]:
    """In the words of an outcome."""
    return tuple(
        Decided(
            service=decision.follower.name.service,
            container=decision.follower.container,
            project=decision.follower.name.project,
            region=decision.follower.name.region,
            reason=decision.reason.value,
            deploy=decision.deploys,
        )
        for decision in decisions
    )


def _reason(
    follower: Follower, image: Reference, policy: Policy, rules: Rules, now: datetime
) -> Reason:
    if image.digest is None:
        return Reason.TAG_DELETED
    listed = any(target.matches(follower.name) for target in policy.targets)
    reason = follow(follower, image.digest, rules=rules, listed=listed, now=now)
    if reason is Reason.NEW_IMAGE and not _is_allowed(policy, image):
        return Reason.REFUSED
    return reason


def _is_allowed(policy: Policy, image: Reference) -> bool:
    try:
        admit_image(policy, image)
    except Refused:
        return False
    return True


def _deploy(follower: Follower, image: Reference) -> DeployRequest:
    return DeployRequest(
        image=str(image),
        service=follower.name.service,
        project=follower.name.project,
        region=follower.name.region,
        container=follower.container,
        only_if=OnlyIf(tracks=str(follower.tracks), runs=str(follower.runs or "")),
    )


def _explain(decision: Decision) -> ExplainRequest:
    name = decision.follower.name
    return ExplainRequest(
        service=name.service,
        project=name.project,
        region=name.region,
        container=decision.follower.container,
        reason=decision.why,
    )


def _send(
    message: DeployRequest | ExplainRequest, decision: Decision, cause: str, send: Send
) -> None:
    name = decision.follower.name
    attributes = {
        "kind": str(message.__struct_config__.tag),
        "project": name.project,
        "region": name.region,
        "service": name.service,
        "cause": cause,
    }
    send(msgspec.json.encode(message), attributes)
