"""The services that carry a label, in all projects and regions that policy names.

API v1 finds them in one call for all regions of a project; API v2 has no selector. Where v1 is
refused (no permission for the whole project, or switched off by an organisation), v2 is asked
region by region, and what it says is kept for a minute. A list lags behind what was written: it
says what is worth a look, and whoever writes reads the service itself.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from urllib.parse import urlencode

import msgspec
import structlog
from msgspec import Struct

from transship.clients.knative import ServiceList, followers
from transship.clients.transport import Transport
from transship.deadline import Deadline
from transship.errors import (
    AccessDenied,
    InvalidEvent,
    RateLimited,
    RegistryUnavailable,
    ServiceUnavailable,
)
from transship.model.follow import Follower
from transship.model.policy import Target

log = structlog.get_logger()

HOST = "run.googleapis.com"
# More than a project may have in all regions, unless its quota was raised.
SERVICES_LIMIT = 10_000

_PAGE = 200
_PAGE_LIMIT = 16 * 1024 * 1024
_KEPT_SECONDS = 60.0

# Refused for good, rather than for the moment.
_REFUSALS = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)


class Labelled(Struct, frozen=True, kw_only=True):
    """A follower, and the labels by which it is found."""

    labels: Mapping[str, str]
    follower: Follower


# API v2's list of a region, ``projects/P/locations/R``.
ListRegion = Callable[[str, Deadline], list[Labelled]]


def regions_of(targets: Iterable[Target]) -> dict[str, tuple[str, ...]]:
    """The projects, each with its regions; with none where a pattern leaves them open."""
    regions: dict[str, list[str]] = {}
    for target in targets:
        regions.setdefault(target.project, []).append(target.region.text)
    return {
        project: () if any("*" in region for region in named) else tuple(dict.fromkeys(named))
        for project, named in regions.items()
    }


class _Refused(Exception):
    """API v1 does not list the project's services for us."""


class _Kept(Struct, frozen=True, kw_only=True):
    until: float
    services: list[Labelled]


class CloudRunFleet:
    """*projects* are those to look in, as `regions_of` has them."""

    def __init__(
        self,
        transport: Transport,
        *,
        token: Callable[[], str],
        list_region: ListRegion,
        projects: Mapping[str, tuple[str, ...]],
        page: int = _PAGE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._token = token
        self._list_region = list_region
        self._projects = projects
        self._page_size = page
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        # One flight for each project.
        self._listing = {project: threading.Lock() for project in projects}

    def labelled(self, label: str, *, deadline: Deadline) -> list[Follower]:
        """The services that have *label*, with whatever value.

        Raises AccessDenied where neither API lists them, ServiceUnavailable, RateLimited.
        """
        return [
            found
            for project in self._projects
            for found in self._in_project(project, label, deadline)
        ]

    def _in_project(self, project: str, label: str, deadline: Deadline) -> list[Follower]:
        kept = self._kept.get(project)
        if kept is None or kept.until <= self._clock():
            try:
                return self._select(project, label, deadline)
            except _Refused as refused:
                kept = self._by_region(project, str(refused), deadline)
        return [one.follower for one in kept.services if label in one.labels]

    def _select(self, project: str, label: str, deadline: Deadline) -> list[Follower]:
        found: list[Follower] = []
        more = ""
        while True:
            page = self._page(project, label, more, deadline)
            for said in page.items:
                if not said.region:
                    raise _Refused("API v1 does not say in which region a service is")
                try:
                    found += followers(said, project)
                except InvalidEvent as error:
                    log.warning("service passed over", project=project, reason=str(error))
            if page.unreachable:
                log.warning("regions are missing", project=project, regions=page.unreachable)
            more = page.metadata.more
            if not more:
                return found
            if len(found) >= SERVICES_LIMIT:
                log.error("services are missing", project=project, limit=SERVICES_LIMIT)
                return found

    def _page(self, project: str, label: str, more: str, deadline: Deadline) -> ServiceList:
        query = {
            "labelSelector": label,
            "limit": self._page_size,
            **({"continue": more} if more else {}),
        }
        url = (
            f"https://{HOST}/apis/serving.knative.dev/v1/namespaces/{project}/services"
            f"?{urlencode(query)}"
        )
        headers = {"Authorization": f"Bearer {self._token()}", "Accept": "application/json"}
        doing = f"list services of {project}"
        try:
            with self._transport.send(
                "GET", url, headers, deadline=deadline, redirects=0
            ) as answer:
                if answer.status == HTTPStatus.OK:
                    body = answer.document(_PAGE_LIMIT, too_long=ServiceUnavailable)
                    return msgspec.json.decode(body, type=ServiceList)
                said = f"{doing}: {HOST} answers {answer.status}"
                answer.discard()
        except RegistryUnavailable as error:
            raise ServiceUnavailable(f"{doing}: {error}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ServiceUnavailable(f"{doing}: {HOST} answers what is no list: {error}") from error
        if answer.status in _REFUSALS:
            raise _Refused(said)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimited(said, source=HOST)
        raise ServiceUnavailable(said)

    def _by_region(self, project: str, refused: str, deadline: Deadline) -> _Kept:
        regions = self._projects[project]
        if not regions:
            raise AccessDenied(
                f"{refused}; grant roles/run.viewer on the project {project}, or name its regions"
                " without wildcards in the policy's targets"
            )
        lock = self._listing[project]
        if not lock.acquire(timeout=deadline.remaining()):
            raise ServiceUnavailable(f"list services of {project}: another list is not done")
        try:
            kept = self._kept.get(project)
            if kept is None or kept.until <= self._clock():
                log.info("services are listed by region", project=project, reason=refused)
                services = [
                    one
                    for region in regions
                    for one in self._list_region(f"projects/{project}/locations/{region}", deadline)
                ]
                kept = _Kept(until=self._clock() + _KEPT_SECONDS, services=services)
                self._kept[project] = kept
            return kept
        finally:
            lock.release()
