"""Make a service what a deploy request asks for, and watch until Cloud Run has done it.

Level-triggered: read, decide, write with the etag that was read; whoever loses a race reads and
decides again. Nothing here remembers anything: after a crash the same event finds its own traces.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from transship.deadline import Deadline
from transship.errors import DeployPending, PublicAccessRefused, ServiceConflict
from transship.model.naming import ServiceName
from transship.model.plan import (
    Annotate,
    Change,
    CreateService,
    NewRevision,
    SetPublic,
    Wanted,
    is_applied,
    plan_deploy,
    refuse_foreign,
    standing,
)
from transship.model.reason import Reason
from transship.model.request import Deploy
from transship.model.service import Service, State
from transship.ports import Access, Services, Sleep

log = structlog.get_logger()

# Lost races are rare and short; whoever loses this often comes back by redelivery.
_ATTEMPTS = 4
# Cloud Run takes seconds to minutes: quick at first, then a read every few seconds.
_FIRST_LOOK, _LOOK_FACTOR, _LONGEST_LOOK = 0.2, 1.5, 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """How a rollout came out of its races.

    *public* is how the service stands now, None where nobody has looked; *detail* says what could
    not be done.
    """

    changes: tuple[Change, ...] = ()
    kept: Reason | None = None
    generation: int = 0
    public: bool | None = None
    detail: str = ""


def roll_out(
    deploy: Deploy,
    want: Callable[[Service | None], Wanted],
    current: Service | None,
    *,
    public: bool | None,
    services: Services,
    access: Access,
    sleep: Sleep,
) -> Landed:
    """Apply the plan to *current*, or to what it has become when somebody else wrote first.

    *public* is how *current* stands, as is_public tells.
    Raises ServiceConflict when the race was lost again and again.
    """
    for attempt in range(_ATTEMPTS):
        if attempt:
            sleep(random.uniform(0, 0.3 * 2**attempt))  # noqa: S311 - jitter, not a secret
            current = services.get(deploy.service)
            refuse_foreign(deploy, current)
            public = is_public(deploy, current, access)
        if is_applied(deploy, current):
            return Landed()
        if kept := standing(deploy, current):
            return Landed(kept=kept)
        changes = plan_deploy(deploy, want(current), current, public=public)
        try:
            return _apply(changes, public, services, access)
        except ServiceConflict as error:
            log.info("write lost a race", service=str(deploy.service), error=str(error))
    raise ServiceConflict(f"{deploy.service}: somebody else wrote first, {_ATTEMPTS} times")


def is_public(deploy: Deploy, current: Service | None, access: Access) -> bool | None:
    """How the service stands; None where the request does not ask, so that nobody has to."""
    if deploy.public is None:
        return None
    return current is not None and access.is_public(deploy.service)


def _apply(
    changes: list[Change], public: bool | None, services: Services, access: Access
) -> Landed:
    generation, detail = 0, ""
    for change in changes:
        match change:
            case CreateService():
                generation = services.create(change.wanted)
            case NewRevision():
                generation = services.replace(change.current, change.wanted)
            case Annotate():
                generation = services.annotate(change.current, change.marks)
            case SetPublic():
                public, detail = set_public(change, access)
    return Landed(changes=tuple(changes), generation=generation, public=public, detail=detail)


def set_public(change: SetPublic, access: Access) -> tuple[bool, str]:
    """How the service stands afterwards, and why not as asked."""
    try:
        access.set_public(change.service, public=change.public)
    except PublicAccessRefused as error:
        return not change.public, str(error)
    return change.public, ""


def watch(
    services: Services,
    name: ServiceName,
    generation: int,
    *,
    seen: Service | None,
    deadline: Deadline,
    sleep: Sleep,
) -> Service:
    """The service once Cloud Run has finished with *generation* and its traffic is where it was
    asked to be, or once it has failed.

    *seen* is what was read before, which is enough where nothing was written since (generation 0).
    Raises DeployPending at the deadline: the event's redelivery looks on.
    """
    wait = _FIRST_LOOK
    service = seen if not generation else None
    while True:
        service = service or services.get(name)
        if service is not None and service.generation >= generation and _is_done(service):
            return service
        if deadline.remaining() < wait:
            raise DeployPending(f"{name}: Cloud Run is still working on generation {generation}")
        service = None
        sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
        wait = min(wait * _LOOK_FACTOR, _LONGEST_LOOK)


def _is_done(service: Service) -> bool:
    if not service.settled or service.condition.state is State.WORKING:
        return False
    return service.condition.state is State.FAILED or service.is_pinned or service.serves_latest
