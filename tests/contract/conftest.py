"""What the contracts run over."""

from tests.fixtures.cloud_run import at
from tests.fixtures.pubsub import pubsub_world
from tests.fixtures.registries import (
    docker_registry,
    docker_registry_proxy,
    docker_registry_with_token_auth,
    hub,
    local_hub,
    local_mirror,
    local_mirror_of_docker_registry,
)

__all__ = [
    "at",
    "docker_registry",
    "docker_registry_proxy",
    "docker_registry_with_token_auth",
    "hub",
    "local_hub",
    "local_mirror",
    "local_mirror_of_docker_registry",
    "pubsub_world",
]
