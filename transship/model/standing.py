"""Whether a deploy may touch a service at all: whose it is, and who was there before."""

from transship.errors import Refused
from transship.model.follow import follow, follower_in
from transship.model.policy import refuse_target
from transship.model.quarantine import bad_revision
from transship.model.reason import Reason
from transship.model.request import Condition, Deploy
from transship.model.service import Service


def refuse_foreign(deploy: Deploy, current: Service | None) -> None:
    """Raises Refused where *current* is not transship's to change, or not meant."""
    if current is None:
        return
    refuse_target(current.labels, current.annotations, is_function=current.is_function)
    if not current.is_ours and not deploy.adopt:
        raise Refused(
            "adopt",
            f"{current.name.service} exists and transship does not track it; right is another"
            ' service, or "adopt": true where policy allows it',
        )
    _refuse_another_image(deploy, current)


def _refuse_another_image(deploy: Deploy, current: Service) -> None:
    """Two repositories may end in the same word (`default_service`): nobody has said then that one
    is to take the place of the other.
    """
    record = current.record
    before = current.tracks or (record.image if record else None)
    if deploy.is_named or before is None or before.name == deploy.image.name:
        return
    raise Refused(
        "service",
        f"{current.name.service} runs {before}, and the request names no service;"
        f" right is to name one, {current.name.service} to put {deploy.image} in its place"
        " - at `$.service`",
    )


def is_applied(deploy: Deploy, current: Service | None) -> bool:
    """This very event made the newest revision: it is being redelivered."""
    record = current.record if current else None
    return record is not None and record.cause == deploy.event_id


def standing(deploy: Deploy, current: Service | None) -> Reason | None:
    """Why *deploy* must leave *current* as it is; None where it need not."""
    if deploy.only_if is not None and (reason := _overtaken(deploy, deploy.only_if, current)):
        return reason
    if current is None:
        return None
    record = current.record
    # The event id settles a tie, so that two messages of one instant end in one state everywhere.
    if record is not None and (deploy.requested_at, deploy.event_id) < (
        record.requested_at,
        record.cause,
    ):
        return Reason.SUPERSEDED
    if current.is_pinned:
        return Reason.OPERATOR_HOLD
    bad = bad_revision(current.annotations, current.latest_created)
    if bad is not None and bad.container != current.container:
        # Its image is in the template: whatever comes beside it would be found as bad.
        return Reason.QUARANTINED
    return None


def _overtaken(deploy: Deploy, only_if: Condition, current: Service | None) -> Reason | None:
    """Why an automatic deploy no longer fits: it was decided from what a list told a while ago."""
    if current is None or current.tracks is None:
        return Reason.TRACKING_LOST
    follower = follower_in(current)
    if follower.tracks != only_if.tracks:
        return Reason.SUPERSEDED
    reason = follow(
        follower, only_if.moved_to, rules=deploy.rules, listed=True, now=deploy.requested_at
    )
    if reason is not Reason.NEW_IMAGE:
        return reason
    return None if follower.runs == only_if.runs else Reason.SUPERSEDED
