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
    for follower in fleet.labelled(ROLLOUT_LABEL, deadline=deadline):
        if not follower.trial_of:
            continue
        name = follower.name
        message = AdvanceRequest(
            service=name.service,
            project=name.project,
            region=name.region,
            event_id=follower.trial_of,
        )
        attributes = {
            "kind": message.kind,
            "project": name.project,
            "region": name.region,
            "service": name.service,
            "cause": delivery.event_id,
        }
        send(msgspec.json.encode(message), attributes)
