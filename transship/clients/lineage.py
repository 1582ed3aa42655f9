"""The revisions of a service, newest first, with what is known of each.

google.cloud.run.v2.Revisions. Importing this module loads the Google clients.
"""

from datetime import datetime
from itertools import islice
from typing import Any

from google.cloud import run_v2
from msgspec import Struct

from transship.clients.google_errors import translated
from transship.clients.run_views import revision_of
from transship.model.naming import ServiceName
from transship.model.service import Revision

_PAGE = 50
_TIMEOUT = 15.0


class Made(Struct, frozen=True, kw_only=True):
    """*image* is as the revision was asked to run it."""

    revision: Revision
    created: datetime
    image: str


class Lineage:
    def __init__(self, revisions: run_v2.RevisionsClient) -> None:
        self._revisions = revisions

    def of(self, name: ServiceName, *, limit: int) -> list[Made]:
        """At most *limit*, of which Cloud Run keeps a thousand."""
        request = run_v2.ListRevisionsRequest(parent=str(name), page_size=min(limit, _PAGE))
        with translated(
            f"list revisions of {name}", api="run.googleapis.com", grant="roles/run.viewer"
        ):
            pager = self._revisions.list_revisions(request, timeout=_TIMEOUT)
            return [_made(said) for said in islice(pager, limit)]


def _made(said: run_v2.Revision) -> Made:
    # proto-plus hands a Timestamp out as a datetime, which its annotations do not say.
    created: Any = said.create_time
    return Made(
        revision=revision_of(said),
        created=created,
        image=said.containers[0].image if said.containers else "",
    )
