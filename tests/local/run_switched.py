"""The local Cloud Run without containers, and its switches."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.run import Behaviour, CloudRun
from tests.local.run_region import Region, region_of

BROKEN = "docker.io/library/never:listens"


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour(unhealthy_images={BROKEN})


@pytest.fixture
def cloud_run(tmp_path: Path, behaviour: Behaviour) -> Iterator[CloudRun]:
    with CloudRun(
        root=tmp_path,
        project_numbers={"sample-project": 123456789012},
        containers=False,
        images=False,
        behaviour=behaviour,
    ) as cloud_run:
        yield cloud_run


@pytest.fixture
def region(cloud_run: CloudRun) -> Iterator[Region]:
    with region_of(cloud_run, "docker.io/library/nginx:1.27") as region:
        yield region
