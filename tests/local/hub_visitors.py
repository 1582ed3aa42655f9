"""The local Docker Hub, a stranger and an account."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local import images
from local.clock import Clock
from local.registry import DockerHub
from tests.fixtures.wire import Wire

REGISTRY = "https://registry-1.docker.io"
SITE = "dockersamples/static-site"
ALICE = ("alice", "s3cret")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub(tmp_path: Path, clock: Clock) -> Iterator[DockerHub]:
    with DockerHub(tmp_path, clock) as hub:
        hub.accounts.update([ALICE])
        hub.push(SITE, "latest", images.static_site("one"))
        yield hub


@pytest.fixture
def anonymous(hub: DockerHub) -> Wire:
    return Wire(address=REGISTRY, hosts=hub.hosts)


@pytest.fixture
def alice(anonymous: Wire) -> Wire:
    return replace(anonymous, login=ALICE)
