"""A tick looks for revisions on trial and asks for the next step of each, one message a service."""

import msgspec

from handlers.payloads import Delivery
from transship.deadline import Deadline
from transship.followers import Fleet, Send
from transship.model.marks import ROLLOUT_LABEL
from transship.model.steering import AdvanceRequest

SECONDS = 60.0


def handle(delivery: Delivery, *, fleet: Fleet, send: Send, deadline: Deadline) -> None:
    """Moves nothing itself: each service succeeds, is retried and is given up alone."""
    # A service is found once for each container that tracks a tag, and has one trial.
    found = fleet.labelled(ROLLOUT_LABEL, deadline=deadline)
    trials = {follower.name: follower.trial for follower in found if follower.trial}
    for name, trial in trials.items():
        message = AdvanceRequest(
            service=name.service,
            project=name.project,
            region=name.region,
            event_id=trial.event_id,
        )
        attributes = {
            "kind": message.kind,
            "project": name.project,
            "region": name.region,
            "service": name.service,
            "cause": delivery.event_id,
        }
        send(msgspec.json.encode(message), attributes)
