"""The services that transship tracks, beside what their tags mean upstream now."""

from collections.abc import Iterable
from datetime import UTC, datetime

from transship.cli.telling import progress
from transship.cli.tools import SECONDS, Tools
from transship.deadline import Deadline
from transship.looking import look_at
from transship.model.follow import Follower
from transship.model.marks import TRACKED_LABEL
from transship.standing import Standing, runs, stand
from transship.throttle import Pauses, Throttle


def followers(tools: Tools, deadline: Deadline | None = None) -> list[Follower]:
    """In the order of their names; those of a project and region where flags name them."""
    found = tools.clients.fleet.labelled(TRACKED_LABEL, deadline=deadline or tools.deadline())
    # API v1 lists all regions of a project at once.
    region = tools.named.get("region")
    here = [each for each in found if region in {None, each.name.region}]
    return sorted(here, key=lambda follower: follower.name)


def standings(tools: Tools, found: Iterable[Follower]) -> list[Standing]:
    """One HEAD for each tag, politely: they cost no quota, but requests are counted as well."""
    services = list(found)
    tags = dict.fromkeys(each.tracks for each in services if each.tracks)
    config, registry = tools.config, tools.clients.registry
    pace = len(tags) / config.upstream_rate if config.upstream_rate else 0.0
    deadline = Deadline.after(SECONDS + pace)
    with progress(tools.output, "asking what the tags mean"):
        looks = {
            look.tag: look
            for look in look_at(
                tags,
                lambda tag: registry.head(tag, deadline=deadline),
                throttle=Throttle(config.upstream_rate),
                pauses=Pauses(),
                now=lambda: datetime.now(UTC),
            )
        }
    return [
        stand(
            each,
            looks.get(each.tracks) if each.tracks else None,
            has,
            rules=config.rules,
            policy=config.policy,
            now=datetime.now(UTC),
        )
        for each, has in zip(services, runs(services, tools.clients.services.revision), strict=True)
    ]
