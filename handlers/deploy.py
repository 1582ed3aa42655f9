"""A message deploys an image: policy, resolve, pull through the mirror, plan, apply, report."""

from collections.abc import Callable
from functools import partial

from transship.conclude import conclude
from transship.errors import PermanentError
from transship.late import meanwhile
from transship.lookup import Resolved, look_up
from transship.model import report
from transship.model.asking import ask_of
from transship.model.mirror import Mirrors
from transship.model.outcome import Outcome
from transship.model.policy import Policy, admit
from transship.model.request import Deploy
from transship.model.standing import refuse_foreign, standing
from transship.planning import Planning
from transship.ports import Parts
from transship.rollout import is_public, of_container, roll_out


def handle(deploy: Deploy, *, policy: Policy, mirrors: Mirrors, parts: Parts) -> Outcome:
    try:
        return _handle(deploy, policy=policy, mirrors=mirrors, parts=parts)
    except PermanentError as error:
        return report.rejected(deploy, error)


def _handle(deploy: Deploy, *, policy: Policy, mirrors: Mirrors, parts: Parts) -> Outcome:
    admit(policy, ask_of(deploy))
    mirror = mirrors.for_upstream(deploy.image)
    # While the service is read, and the first time while Cloud Run's client is loaded for that.
    look = meanwhile(
        partial(
            look_up,
            parts.registry,
            deploy.image,
            mirror,
            parts.stock,
            deadline=parts.deadline,
        )
    )
    planning = Planning(deploy, mirror, parts, look)
    if deploy.dry_run:
        return _rehearse(deploy, planning, look, parts)
    with parts.turns.of(deploy.event_id, deadline=parts.deadline):
        landed = roll_out(deploy, planning.plan, parts)
    return conclude(deploy, landed, parts)


def _rehearse(
    deploy: Deploy, planning: Planning, look: Callable[[], Resolved], parts: Parts
) -> Outcome:
    """What would be done. Nothing is written, and nothing asked of the mirror."""
    current = of_container(deploy, parts.services.get(deploy.service))
    refuse_foreign(deploy, current)
    if kept := standing(deploy, current):
        return report.unchanged(deploy, kept)
    changes = planning.rehearse(current, is_public(deploy, current, parts.access))
    return report.planned(deploy, changes, look().digest)
