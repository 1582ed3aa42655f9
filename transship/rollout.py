"""Make a service what a deploy request asks for, and watch until Cloud Run has done it.

Level-triggered: read, decide, write with the etag that was read; whoever loses a race reads and
decides again. Nothing here remembers anything: after a crash the same event finds its own traces.
"""

import random
from collections.abc import Callable

import structlog
from msgspec import Struct

from transship.errors import (
    AccessDenied,
    DeployPending,
    PublicAccessRefused,
    Refused,
    ServiceConflict,
)
from transship.model.candidate import is_undecided, read_trial
from transship.model.focus import focus
from transship.model.naming import ServiceName
from transship.model.plan import Annotate, Change, CreateService, NewRevision, SetPublic
from transship.model.reason import Reason
from transship.model.request import Deploy
from transship.model.service import Service
from transship.model.standing import is_applied, refuse_foreign, standing
from transship.model.trial import Trial
from transship.ports import Access, CloudRun

log = structlog.get_logger()

# Lost races are rare and short; whoever loses this often comes back by redelivery.
_ATTEMPTS = 4
# Cloud Run takes seconds to minutes: quick at first, then a read every few seconds.
_FIRST_LOOK, _LOOK_FACTOR, _LONGEST_LOOK = 0.2, 1.5, 5.0


class Landed(Struct, frozen=True, kw_only=True):
    """How a rollout came out of its races.

    *changes* were made, and *detail* says what could not be done. *seen* is the service as it was
    read last, *generation* what was written since, 0 for nothing. *public* is how the service
    stands now, None where nobody has looked.
    """

    seen: Service | None
    changes: tuple[Change, ...] = ()
    kept: Reason | None = None
    generation: int = 0
    public: bool | None = None
    detail: str = ""


def roll_out(
    deploy: Deploy,
    plan: Callable[[Service | None, bool | None], list[Change]],
    cloud_run: CloudRun,
) -> Landed:
    """Apply the plan to the service, and to what it has become when somebody else wrote first.

    *plan* is given the service and whether it is public, None where the request does not ask.
    Raises ServiceConflict when the race was lost again and again.
    """
    for attempt in range(_ATTEMPTS):
        if attempt:
            jitter = random.uniform(0, 0.3 * 2**attempt)  # noqa: S311 - not a secret
            cloud_run.sleep(jitter)
        current = of_container(deploy, cloud_run.services.get(deploy.service))
        refuse_foreign(deploy, current)
        if is_applied(deploy, current):
            return Landed(seen=current)
        if kept := standing(deploy, current):
            return Landed(seen=current, kept=kept)
        if trial := another_trial(current):
            raise DeployPending(f"{deploy.service}: {trial.revision} is on trial")
        public = is_public(deploy, current, cloud_run.access)
        changes = plan(current, public)
        try:
            return _apply(changes, current, public, cloud_run)
        except ServiceConflict as error:
            log.info("write lost a race", service=str(deploy.service), error=str(error))
    raise ServiceConflict(f"{deploy.service}: somebody else wrote first, {_ATTEMPTS} times")


def of_container(deploy: Deploy, service: Service | None) -> Service | None:
    """*service* as the one of the container that *deploy* is about.

    Raises Refused where there is none of that name; nobody can make one of a part only.
    """
    if service is None and deploy.container:
        raise Refused(
            "container", f"{deploy.service} does not exist; right is a deploy of it first"
        )
    return focus(service, deploy.container) if service else None


def another_trial(current: Service | None) -> Trial | None:
    """Of another container's image: found together, nobody would know which one is bad."""
    trial = read_trial(current) if current else None
    others = trial is not None and current is not None and trial.container != current.container
    return trial if others and trial and trial.undecided else None


def is_public(deploy: Deploy, current: Service | None, access: Access) -> bool | None:
    """How the service stands; None where the request does not ask, so that nobody has to."""
    if deploy.public is None:
        return None
    return current is not None and access.is_public(deploy.service)


def _apply(
    changes: list[Change], current: Service | None, public: bool | None, cloud_run: CloudRun
) -> Landed:
    services = cloud_run.services
    made, generation, detail = list(changes), 0, ""
    for change in changes:
        match change:
            case CreateService():
                generation = services.create(change.wanted)
            case NewRevision():
                generation = services.replace(change.current, change.wanted)
            case Annotate():
                generation = services.annotate(change.current, change.marks)
            case SetPublic():
                public, detail = set_public(change, cloud_run.access)
                if detail:
                    made.remove(change)
    return Landed(
        seen=current, changes=tuple(made), generation=generation, public=public, detail=detail
    )


def set_public(change: SetPublic, access: Access) -> tuple[bool, str]:
    """How the service stands afterwards, and why not as asked: the image is deployed all the same,
    and a rejection would say that nothing was changed.
    """
    try:
        access.set_public(change.service, public=change.public)
    except (PublicAccessRefused, AccessDenied) as error:
        return not change.public, str(error)
    return change.public, ""


def watch(name: ServiceName, landed: Landed, cloud_run: CloudRun) -> Service:
    """The service once Cloud Run has finished with what was written and its traffic is where it
    was asked to be, or once it has failed, or has something to be decided.

    Raises DeployPending at the deadline: the event's redelivery looks on.
    """
    wait, generation = _FIRST_LOOK, landed.generation
    service = None if generation else landed.seen
    while True:
        service = service or cloud_run.services.get(name)
        if service is not None and service.generation >= generation and _has_ended(service):
            return service
        if cloud_run.deadline.remaining() < wait:
            raise DeployPending(f"{name}: Cloud Run is still working on generation {generation}")
        service = None
        jittered = wait * random.uniform(0.8, 1.2)  # noqa: S311 - not a secret
        cloud_run.sleep(min(jittered, cloud_run.deadline.remaining()))
        wait = min(wait * _LOOK_FACTOR, _LONGEST_LOOK)


def _has_ended(service: Service) -> bool:
    # The traffic of a candidate that does not come up stays as it was, not as it was asked.
    return service.finished or (service.settled and is_undecided(service))
