"""A pull from the scripted registry, and what it asked for."""

from tests.unit.scripted_registry import STATIC_SITE, ScriptedRegistry, client_of, soon
from transship.model.platform import CLOUD_RUN
from transship.pull import Limits, Pulled, pull

MIB = 1024 * 1024


def pulled_from(registry: ScriptedRegistry, limits: Limits | None = None) -> Pulled:
    client = client_of(registry)
    try:
        return pull(client, STATIC_SITE, CLOUD_RUN, deadline=soon(), limits=limits)
    finally:
        client.close()


def blobs_asked(registry: ScriptedRegistry) -> list[str]:
    return [path.rsplit("/", 1)[1] for path in registry.paths() if "/blobs/" in path]
