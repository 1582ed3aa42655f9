"""A message deploys an image: policy, resolve, pull through the mirror, plan, apply, report."""

from transship.conclude import conclude
from transship.errors import PermanentError
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
    planning = Planning(deploy, mirrors.for_upstream(deploy.image), parts)
    if deploy.dry_run:
        return _rehearse(deploy, planning, parts)
    return conclude(deploy, roll_out(deploy, planning.plan, parts), parts)


def _rehearse(deploy: Deploy, planning: Planning, parts: Parts) -> Outcome:
    """What would be done. Nothing is written, and nothing asked of the mirror."""
    current = of_container(deploy, parts.services.get(deploy.service))
    refuse_foreign(deploy, current)
    if kept := standing(deploy, current):
        return report.unchanged(deploy, kept)
    changes = planning.rehearse(current, is_public(deploy, current, parts.access))
    return report.planned(deploy, changes, planning.resolved.digest)
