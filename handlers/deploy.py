"""A message deploys an image: policy, resolve, pull through the mirror, plan, apply, report."""

from functools import partial

from handlers.payloads import Delivery
from transship import lookup, rollout
from transship.conclude import conclude
from transship.config import Config
from transship.errors import TransshipError
from transship.model import report
from transship.model.messages import decode_message
from transship.model.mirror import Mirrors
from transship.model.outcome import Outcome
from transship.model.plan import (
    CreateService,
    NewRevision,
    is_applied,
    plan_deploy,
    recorded,
    refuse_foreign,
    standing,
    want,
)
from transship.model.policy import Ask, Policy, admit
from transship.model.request import Deploy, deploy_of
from transship.ports import Parts
from transship.rollout import Landed


def request_of(delivery: Delivery, config: Config) -> Deploy:
    """Raises InvalidEvent, which names the field and what would be right."""
    return deploy_of(
        decode_message(delivery.data),
        event_id=delivery.event_id,
        published_at=delivery.published_at,
        project=config.project,
        region=config.region,
        runtime_account=config.runtime_account,
        mirrors=config.mirrors,
    )


def handle(deploy: Deploy, *, policy: Policy, mirrors: Mirrors, parts: Parts) -> Outcome:
    try:
        return _handle(deploy, policy=policy, mirrors=mirrors, parts=parts)
    except TransshipError as error:
        error.about = report.about(deploy)
        raise


def _handle(deploy: Deploy, *, policy: Policy, mirrors: Mirrors, parts: Parts) -> Outcome:
    admit(policy, _ask(deploy))
    mirror = mirrors.for_upstream(deploy.image)
    current = parts.services.get(deploy.service)
    refuse_foreign(deploy, current)
    if is_applied(deploy, current):
        return conclude(deploy, Landed(), current, parts)
    if kept := standing(deploy, current):
        return conclude(deploy, Landed(kept=kept), current, parts)

    resolved = lookup.look_up(parts.registry, deploy.image, mirror, deadline=parts.deadline)
    mirrored = mirror.serving(deploy.image)
    found = recorded(resolved.digest, resolved.by, current)
    wanted = want(deploy, found, mirrored, current)
    public = rollout.is_public(deploy, current, parts.access)
    changes = plan_deploy(deploy, wanted, current, public=public)
    if deploy.dry_run:
        return report.planned(deploy, changes, wanted)
    if any(isinstance(change, CreateService | NewRevision) for change in changes):
        found = parts.prove(mirrored.pin(resolved.digest), resolved.by)

    landed = rollout.roll_out(
        deploy,
        partial(want, deploy, found, mirrored),
        current,
        public=public,
        services=parts.services,
        access=parts.access,
        sleep=parts.sleep,
    )
    return conclude(deploy, landed, current, parts)


def _ask(deploy: Deploy) -> Ask:
    settings = deploy.settings
    return Ask(
        reference=deploy.image,
        service=deploy.service,
        runtime_account=settings.service_account,
        public=bool(deploy.public),
        adopt=deploy.adopt,
        cpu=settings.cpu,
        memory=settings.memory,
        timeout=settings.timeout,
        concurrency=settings.concurrency,
        min_instances=settings.min_instances,
        max_instances=settings.max_instances,
    )
