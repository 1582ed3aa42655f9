"""Turn the end of a rollout into the one outcome of its event, however often it is asked.

Only what the cloud's records say is believed: the service's condition, its traffic read back, and
the cause that stands on each revision.
"""

from msgspec.structs import replace

from transship.errors import DeployPending
from transship.model import report
from transship.model.candidate import is_undecided, read_trial
from transship.model.focus import caused_by, focus_revision, seen_by
from transship.model.follow import HOLD_KEY, PIN_KEY
from transship.model.outcome import Outcome
from transship.model.plan import CreateService, NewRevision, SetPublic
from transship.model.quarantine import bad_revision
from transship.model.reason import Reason
from transship.model.request import Deploy
from transship.model.service import CLIENT, Revision, Service, State
from transship.model.standing import is_applied, standing
from transship.model.trial import Trial
from transship.model.witnessed import began_on_trial, passed, witnessed
from transship.ports import Access, CloudRun
from transship.rollout import Landed, set_public, watch
from transship.trial import decide

# Something may have been written, but only about what runs already.
_QUIET = frozenset({Reason.OTHER_PLATFORM_ONLY, Reason.UP_TO_DATE})


def conclude(deploy: Deploy, landed: Landed, cloud_run: CloudRun) -> Outcome:
    """Wait until Cloud Run has done what *landed* says, and tell what came of it.

    Raises DeployPending at the deadline.
    """
    if landed.kept is not None:
        return _kept(deploy, landed.kept, cloud_run)
    made = any(isinstance(change, CreateService | NewRevision) for change in landed.changes)
    service = seen_by(watch(deploy.service, landed, cloud_run), deploy.container)
    trial = read_trial(service)
    if trial is not None and not trial.held and (trial.event_id == deploy.event_id or not made):
        # Also where another event put on trial what this one asks for.
        decide(deploy.service, trial.event_id, cloud_run)
        ended = watch(deploy.service, replace(landed, seen=None), cloud_run)
        service = seen_by(ended, deploy.container)
        trial = read_trial(service)
    if trial is not None and trial.held:
        # Somebody wants to keep what serves: the event has ended with that.
        return _waiting(deploy, trial, service)
    ours = is_applied(deploy, service) and service.client == CLIENT
    if not ours and (
        made or is_applied(deploy, service) or standing(deploy, service) is Reason.SUPERSEDED
    ):
        # Overtaken while we watched: our revision still tells what became of it.
        return _kept(deploy, Reason.SUPERSEDED, cloud_run)
    if failed := _failed(deploy, service, cloud_run):
        return failed
    if is_undecided(service):
        raise DeployPending(f"{deploy.service}: what is on trial is another event's by now")
    if not service.serves_latest:
        return report.unchanged(deploy, Reason.OPERATOR_HOLD)
    public, detail = landed.public, landed.detail
    if deploy.public is not None and public is None:
        # A crash may have come between the revision and its access.
        public, detail = _accessible(deploy, public=deploy.public, access=cloud_run.access)
    record = service.record
    reason = record.reason if ours and record else _reason(landed)
    return report.deployed(
        deploy,
        service,
        reason,
        changed=(ours and reason not in _QUIET)
        or any(c.reason not in _QUIET for c in landed.changes),
        record=record,
        public=public,
        detail=detail or passed(service.annotations, service.latest_created),
    )


def _waiting(deploy: Deploy, trial: Trial, service: Service) -> Outcome:
    ways = ((HOLD_KEY, Reason.HELD), (PIN_KEY, Reason.PINNED))
    reason = next((way for key, way in ways if key in service.annotations), Reason.SKIPPED)
    said = f"{trial.revision} is on trial, and waits until it is released"
    return report.unchanged(deploy, reason, said)


def _failed(deploy: Deploy, service: Service, cloud_run: CloudRun) -> Outcome | None:
    if bad := bad_revision(service.annotations, service.latest_created):
        if bad.container != service.container:
            # Another image beside it came later, and was bad.
            return _kept(deploy, Reason.SUPERSEDED, cloud_run)
        revision = _revision(bad.revision, service, cloud_run)
        return report.turned_out_bad(deploy, service, bad, revision)
    if service.condition.state is State.FAILED:
        # Also where another event made the revision: this one asks for it, and it does not serve.
        revision = _revision(service.latest_created, service, cloud_run)
        return report.failed(deploy, service, revision)
    return None


def _kept(deploy: Deploy, reason: Reason, cloud_run: CloudRun) -> Outcome:
    """The service was left alone. A newer request may have come after this one had been applied:
    then the revision that it made repeats its outcome.
    """
    if reason is Reason.SUPERSEDED:
        # Its outcome may be unpublished.
        newest = cloud_run.services.newest_revisions(deploy.service)
        caused = caused_by(newest, deploy.event_id)
        found = cloud_run.services.get(deploy.service) if caused else None
        service = seen_by(found, deploy.container) if found else None
        revision = focus_revision(caused, service.container) if caused and service else None
        if revision and service and revision.record:
            if bad := bad_revision(service.annotations, revision.name):
                return report.turned_out_bad(deploy, service, bad, revision)
            if revision.condition.state is State.FAILED:
                return report.failed(deploy, service, revision)
            if not _had_visitors(revision.name, service):
                said = f"{revision.name} was on trial and never had visitors"
                return report.unchanged(deploy, reason, said)
            return report.deployed(
                deploy,
                service,
                revision.record.reason,
                changed=True,
                record=revision.record,
                revision=revision.name,
                detail="superseded since",
            )
    return report.unchanged(deploy, reason)


def _revision(name: str, service: Service, cloud_run: CloudRun) -> Revision | None:
    revision = cloud_run.services.revision(service.name, name)
    return focus_revision(revision, service.container) if revision else None


def _had_visitors(revision: str, service: Service) -> bool:
    """As far as the service remembers; one that did not begin on trial had them at once."""
    trial = read_trial(service)
    known = {service.kept, *witnessed(service.annotations), trial.previous if trial else None}
    return not began_on_trial(revision) or revision in known


def _accessible(deploy: Deploy, *, public: bool, access: Access) -> tuple[bool, str]:
    """Make the service stand as asked; how it stands then, and why not as asked."""
    if access.is_public(deploy.service) == public:
        return public, ""
    return set_public(SetPublic(service=deploy.service, public=public), access)


def _reason(landed: Landed) -> str:
    return (landed.changes[0].reason if landed.changes else Reason.UP_TO_DATE).value
