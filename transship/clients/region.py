"""API v2's list of the services of one region, as followers: what there is where v1 is refused.

Importing this module loads the Google clients.
"""

from collections.abc import Iterator
from itertools import islice

from google.cloud import run_v2
from msgspec.structs import replace

from transship.clients.fleet import SERVICES_LIMIT, Labelled
from transship.clients.google_errors import translated
from transship.clients.run_views import service_of
from transship.deadline import Deadline
from transship.model.focus import followers_in, seen_by
from transship.model.follow import Follower, follower_in
from transship.model.marks import ROLLOUT_LABEL, TRACKED_LABEL
from transship.model.service import Service

_PAGE = 200
_TIMEOUT = 30.0
_LOOKED_FOR = {TRACKED_LABEL, ROLLOUT_LABEL}


def list_region(services: run_v2.ServicesClient, parent: str, deadline: Deadline) -> list[Labelled]:
    """Those in *parent*, ``projects/P/locations/R``, that track a tag or have a trial."""
    request = run_v2.ListServicesRequest(parent=parent, page_size=_PAGE)
    with translated(
        f"list services in {parent}", api="run.googleapis.com", grant="roles/run.viewer"
    ):
        pager = services.list_services(request, timeout=min(_TIMEOUT, deadline.remaining()))
        return [
            Labelled(labels=dict(said.labels), follower=follower)
            for said in islice(pager, SERVICES_LIMIT)
            if _LOOKED_FOR & said.labels.keys()
            for follower in _followers(service_of(said))
        ]


def _followers(service: Service) -> Iterator[Follower]:
    for container in followers_in(service.annotations):
        # Named also where the container has gone meanwhile.
        yield replace(follower_in(seen_by(service, container)), container=container)
