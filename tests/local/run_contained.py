"""The local Cloud Run with containers, by each runtime that this machine has."""

import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import run_v2

from local.images import image, static_site
from local.layers import File, busybox_layer, files_layer
from local.manifests import Image
from local.run import Behaviour, CloudRun
from local.run.bubblewrap import Bubblewrap
from local.run.chroot import Chroot
from local.run.containers import Runtime
from local.run.runtimes import choose
from tests.local.run_region import Region, region_of
from tests.local.run_shelf import Shelf

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Runtime:
    if getattr(request, "param", "") == "chroot":
        return Chroot(tmp_path / "runtime")
    chosen = choose(tmp_path / "runtime")
    if not isinstance(chosen, Bubblewrap):
        pytest.skip("bubblewrap does not work here")
    return chosen


by_each = pytest.mark.parametrize(
    "runtime", ["bubblewrap", pytest.param("chroot", marks=AS_ROOT)], indirect=True
)


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as shelf:
        yield shelf


@pytest.fixture
def cloud_run(shelf: Shelf, tmp_path: Path, runtime: Runtime) -> Iterator[CloudRun]:
    with CloudRun(
        root=tmp_path,
        host_map=shelf.host_map,
        project_numbers={"sample-project": 123456789012},
        behaviour=Behaviour(startup_limit=5.0, stop_grace=0.2),
        runtime=runtime,
    ) as cloud_run:
        yield cloud_run


@pytest.fixture
def region(cloud_run: CloudRun, shelf: Shelf) -> Iterator[Region]:
    with region_of(cloud_run, shelf.put(static_site("sample"))) as region:
        yield region


def opened(region: Region, port: int = 80, **container: object) -> run_v2.Service:
    asked = region.asked()
    asked.template.containers = [
        run_v2.Container(
            image=region.image, ports=[{"name": "http1", "container_port": port}], **container
        )
    ]
    asked.invoker_iam_disabled = True
    return region.create(asked)


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return str(response.read().decode())


def script(command: str, **config: object) -> Image:
    """An image that runs *command*; it has a web root and two accounts."""
    files: dict[str, File | str] = {
        "www/index.html": File(content=b"<h1>script</h1>\n"),
        "www/cgi-bin/id": File(
            content=b"#!/bin/sh\nprintf '\\r\\n'; id -u; id -g; pwd\n", mode=0o755
        ),
        "etc/passwd": File(content=b"root:x:0:0::/:/bin/sh\nweb:x:1234:2345::/:/bin/sh\n"),
        "etc/group": File(content=b"root:x:0:\nweb:x:2345:\n"),
    }
    return image(
        [busybox_layer(), files_layer(files)],
        {"Cmd": ["/bin/sh", "-c", command], "Env": ["PATH=/bin"], **config},
    )
