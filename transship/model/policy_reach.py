"""What a service may reach beyond its own container: secrets, storage, databases, networks.

Nothing is reached that no pattern names. What needs no permission: memory as a volume (it counts as
the container's, which has a cap), probes, and how instances start, run and take requests.
"""

from msgspec import Struct

from transship.errors import Refused
from transship.model.pattern import Pattern

# Reasons end up in outcomes and log lines.
_LISTED_LIMIT = 10


class Reach(Struct, frozen=True, kw_only=True):
    """Patterns of *secrets* and *networks* cover a name in the service's own project, or a resource
    name.
    """

    secrets: tuple[Pattern, ...] = ()
    buckets: tuple[Pattern, ...] = ()
    cloudsql_instances: tuple[Pattern, ...] = ()
    nfs: tuple[Pattern, ...] = ()
    networks: tuple[Pattern, ...] = ()
    network_tags: tuple[Pattern, ...] = ()


class Reached(Struct, frozen=True, kw_only=True):
    """What a request names, by resource names where there are such.

    *changes_routes*: it leaves a network, or says what goes through it.
    """

    project: str
    secrets: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    cloudsql_instances: tuple[str, ...] = ()
    nfs: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    network_tags: tuple[str, ...] = ()
    changes_routes: bool = False


def admit_reach(reach: Reach, reached: Reached) -> None:
    """Raises Refused, with the first rule that says no."""
    for rule, names, patterns in (
        ("secrets", reached.secrets, reach.secrets),
        ("volumes.buckets", reached.buckets, reach.buckets),
        ("volumes.cloudsql_instances", reached.cloudsql_instances, reach.cloudsql_instances),
        ("volumes.nfs", reached.nfs, reach.nfs),
        ("networks", reached.networks, reach.networks),
        ("network_tags", reached.network_tags, reach.network_tags),
    ):
        for name in names:
            if not _covers(patterns, name, reached.project):
                raise Refused(
                    f"policy.{rule}",
                    f"{name} is not allowed; right is none, or one of {listed(patterns)}",
                )
    if reached.changes_routes and not reach.networks:
        raise Refused(
            "policy.networks",
            "how a service sends to networks may not be changed; right is none of network, subnet,"
            " vpc_connector and vpc_egress, or a policy with networks",
        )


def _covers(patterns: tuple[Pattern, ...], name: str, project: str) -> bool:
    own = name.rpartition("/")[2] if name.startswith(f"projects/{project}/") else name
    return any(pattern.matches(name) or pattern.matches(own) for pattern in patterns)


def listed(allowed: tuple[object, ...]) -> str:
    more = len(allowed) - _LISTED_LIMIT
    return (
        ", ".join(map(str, allowed[:_LISTED_LIMIT])) + (f" and {more} more" if more > 0 else "")
        or "none: the list is empty"
    )
