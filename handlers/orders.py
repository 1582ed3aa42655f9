"""A message of the deploy and redeploy topics, given to whoever handles its kind."""

from contextlib import ExitStack

from handlers import deploy, steer, visitors
from handlers.payloads import Delivery
from transship.config import Config
from transship.errors import PermanentError
from transship.model.messages import DeployRequest, decode_message
from transship.model.outcome import Outcome, Rejected, in_words
from transship.model.request import deploy_of
from transship.model.steering import MOVING, Steering, place
from transship.ports import Parts
from transship.progress import Send, watched


def handle(
    delivery: Delivery, *, config: Config, parts: Parts, progress: Send | None = None
) -> Outcome | None:
    """*progress* publishes how far a deploy is that asks for it; None: there is no topic.

    Raises InvalidEvent, which names the field and what would be right.
    """
    message = decode_message(delivery.data)
    if not isinstance(message, DeployRequest):
        return _steered(message, delivery, config=config, parts=parts)
    request = deploy_of(
        message,
        event_id=delivery.event_id,
        published_at=delivery.published_at,
        project=config.project,
        region=config.region,
        runtime_account=config.runtime_account,
        mirrors=config.mirrors,
        rules=config.rules,
    )
    with ExitStack() as held:
        if message.progress and progress is not None:
            parts = held.enter_context(watched(request, parts, progress))
        return deploy.handle(request, policy=config.policy, mirrors=config.mirrors, parts=parts)


def _steered(
    message: Steering, delivery: Delivery, *, config: Config, parts: Parts
) -> Outcome | None:
    """What is rejected says of which service, or nobody who looks there finds it."""
    name = place(message, project=config.project, region=config.region)
    try:
        if isinstance(message, MOVING):
            return visitors.handle(message, delivery, config=config, parts=parts)
        return steer.handle(message, delivery, config=config, services=parts.services)
    except PermanentError as error:
        return Rejected(
            event_id=delivery.event_id,
            service=name.service,
            project=name.project,
            region=name.region,
            **in_words(error),
        )
