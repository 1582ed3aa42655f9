"""Traffic: from what was asked for to who gets which request, and what is shown of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from local.run.conditions import cannot_serve
from local.run.errors import Common, RevisionFailed, not_ready_yet
from local.run.messages import LATEST, REVISION, TrafficTargetStatus
from local.run.revision import Revision


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A share of the requests, and a tag's own address, lead to a revision that is ready."""

    revision: str
    percent: int
    tag: str
    latest: bool


def resolve(
    targets: Sequence[Any], revisions: Mapping[str, Revision], latest_ready: str
) -> tuple[Route, ...]:
    return tuple(
        Route(
            revision=latest_ready if target.type_ == LATEST else _ready(target.revision, revisions),
            percent=target.percent,
            tag=target.tag,
            latest=target.type_ == LATEST,
        )
        for target in targets
    )


def _ready(name: str, revisions: Mapping[str, Revision]) -> str:
    revision = revisions.get(name)
    if revision is None:
        raise RevisionFailed(
            grpc.StatusCode.NOT_FOUND,
            f"Revision '{name}' not found.",
            reason=Common.REVISION_FAILED,
        )
    if not revision.ready:
        raise cannot_serve(name, revision.failure or not_ready_yet())
    return name


def statuses(routes: Sequence[Route], tag_uri: Callable[[str], str]) -> list[Any]:
    """For LATEST the revision is not repeated: it is the service's ``latest_ready_revision``."""
    return [
        TrafficTargetStatus(
            type_=LATEST if route.latest else REVISION,
            revision="" if route.latest else route.revision,
            percent=route.percent,
            tag=route.tag,
            uri=tag_uri(route.tag) if route.tag else "",
        )
        for route in routes
    ]


class Share:
    """Hands out the routes of one service in their exact proportions.

    Smooth weighted round robin, as nginx does it: of any hundred requests each revision gets its
    percentage, and tests need no tolerance.
    https://github.com/nginx/nginx/commit/52327e0627f49dbda1e8db695e63a4b0af4448b1
    """

    def __init__(self) -> None:
        self._credit: dict[str, int] = {}

    def next(self, routes: Sequence[Route]) -> str | None:
        weights: dict[str, int] = {}
        for route in routes:
            if route.percent:
                weights[route.revision] = weights.get(route.revision, 0) + route.percent
        if not weights:
            return None
        self._credit = {
            name: self._credit.get(name, 0) + weight for name, weight in weights.items()
        }
        chosen = max(self._credit, key=lambda name: self._credit[name])
        self._credit[chosen] -= sum(weights.values())
        return chosen
