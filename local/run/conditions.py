"""Conditions: what a resource says about itself.

https://github.com/knative/serving/blob/main/docs/spec/errors.md#error-conditions-and-reporting
"""

from collections.abc import Iterable
from typing import Any

from google.cloud import run_v2

from local.run.errors import RevisionFailed
from local.run.messages import FAILED, RECONCILING, SUCCEEDED, Condition, now


def condition(kind: str, state: int, failure: RevisionFailed | None = None) -> Any:
    made = Condition(type_=kind, state=state, last_transition_time=now())
    if failure is not None:
        made.message = failure.message
        made.severity = int(run_v2.Condition.Severity.ERROR)
        if isinstance(failure.reason, run_v2.Condition.RevisionReason):
            made.revision_reason = int(failure.reason)
        else:
            made.reason = int(failure.reason)
    return made


def judged(old: Iterable[Any], new: list[Any]) -> list[Any]:
    """*new*, with the transition times of *old* where nothing has changed."""
    known = {condition.type_: condition for condition in old}
    for condition in new:
        before = known.get(condition.type_)
        if before is not None and (before.state, before.message) == (
            condition.state,
            condition.message,
        ):
            condition.last_transition_time.CopyFrom(before.last_transition_time)
    return new


def state_of(ready: bool, failure: RevisionFailed | None) -> int:
    if failure is not None:
        return FAILED
    return SUCCEEDED if ready else RECONCILING


def of_revision(ready: bool, failure: RevisionFailed | None) -> list[Any]:
    state = state_of(ready, failure)
    unhealthy = failure is not None and isinstance(failure.reason, run_v2.Condition.RevisionReason)
    # The image was there, or the container could not have been unhealthy.
    container = condition("ContainerReady", SUCCEEDED) if unhealthy else condition(
        "ContainerReady", state, failure
    )  # fmt: skip
    return [
        condition("Ready", state, failure),
        container,
        condition("ContainerHealthy", state, failure),
        condition("ResourcesAvailable", SUCCEEDED),
    ]


def cannot_serve(revision: str, failure: RevisionFailed) -> RevisionFailed:
    """The failure of a revision, as its service tells it."""
    return RevisionFailed(
        failure.code,
        f"Revision '{revision}' is not ready and cannot serve traffic. {failure.message}",
        reason=failure.reason,
    )
