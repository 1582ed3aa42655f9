"""How the local Cloud Run uses a container engine's command line, with an engine of one script.

It shows that the calls fit together and that nothing is left behind, not that Docker agrees.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from local.images import static_site
from local.run import Behaviour, CloudRun
from local.run.engine import Engine
from tests.fixtures.operations import finished
from tests.local.run_region import Region, eventually, region_of, status_of
from tests.local.run_shelf import Shelf

_SCRIPT = """#!{python} -IS
import json, os, pathlib, signal, socket, subprocess, sys
home = pathlib.Path({home!r})
verb, *rest = sys.argv[1:]
with (home / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
if verb == "image":
    sys.exit(not (home / rest[1]).exists())
if verb == "import":
    (home / rest[1]).mkdir()
    subprocess.run(["tar", "-x", "-C", str(home / rest[1])], check=True)
if verb == "run":
    name, image = rest[rest.index("--name") + 1], rest[rest.index("--entrypoint") + 2]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (home / f"{{name}}.pid").write_text(str(os.getpid()))
    (home / f"{{name}}.port").write_text(f"127.0.0.1:{{port}}")
    www = home / image / "www"
    os.execvp("busybox", ["busybox", "httpd", "-f", "-p", f"127.0.0.1:{{port}}", "-h", str(www)])
if verb == "port":
    published = home / f"{{rest[0]}}.port"
    sys.exit(1) if not published.exists() else print(published.read_text())
if verb in ("stop", "rm"):
    try:
        os.kill(int((home / f"{{rest[-1]}}.pid").read_text()), signal.SIGTERM)
    except (OSError, ValueError):
        pass
"""


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    home = tmp_path / "engine"
    home.mkdir()
    script = home / "docker"
    script.write_text(_SCRIPT.format(python=sys.executable, home=str(home)))
    script.chmod(0o755)
    return script


@pytest.fixture
def region(engine: Path, tmp_path: Path) -> Iterator[Region]:
    with (
        Shelf() as shelf,
        CloudRun(
            root=tmp_path / "run",
            host_map=shelf.host_map,
            project_numbers={"sample-project": 1},
            behaviour=Behaviour(startup_limit=10.0),
            runtime=Engine(str(engine)),
        ) as cloud_run,
        region_of(cloud_run, shelf.put(static_site("engine"))) as region,
    ):
        yield region


def opened(region: Region, **container: Any) -> run_v2.Service:
    asked = region.asked()
    asked.template.containers = [run_v2.Container(image=region.image, **container)]
    asked.invoker_iam_disabled = True
    return region.create(asked)


def calls(engine: Path, verb: str) -> list[list[str]]:
    lines = (engine.parent / "calls").read_text().splitlines()
    return [call for call in map(json.loads, lines) if call[0] == verb]


def pids(engine: Path) -> list[int]:
    return [int(path.read_text()) for path in engine.parent.glob("*.pid")]


def test_an_engine_serves_a_service_and_imports_an_image_once(region: Region, engine: Path) -> None:
    assert status_of(opened(region).uri) == 200
    assert status_of(opened(region).uri) == 200
    assert len(calls(engine, "import")) == 1


def test_an_engine_is_told_what_the_container_needs(region: Region, engine: Path) -> None:
    opened(
        region,
        command=["/bin/httpd"],
        args=["-f"],
        env=[{"name": "COLOUR", "value": "blue"}],
        ports=[{"container_port": 80}],
    )
    (run,) = calls(engine, "run")
    assert run[run.index("--publish") + 1] == "127.0.0.1::80"
    assert run[run.index("--user") + 1] == "0:0"
    assert run[run.index("--entrypoint") + 1] == "/bin/httpd"
    assert run[-1] == "-f"
    assert {"COLOUR=blue", "PORT=80"} <= set(run)


def test_a_deleted_service_leaves_no_container(region: Region, engine: Path) -> None:
    service = opened(region)
    (pid,) = pids(engine)
    finished(region.services.delete_service(name=service.name))
    assert not Path(f"/proc/{pid}").exists()
    assert calls(engine, "stop")


def test_a_second_container_is_refused(region: Region) -> None:
    asked = region.asked()
    asked.template.containers = [
        run_v2.Container(image=region.image, ports=[{"container_port": 80}]),
        run_v2.Container(name="beside", image=region.image),
    ]
    with pytest.raises(exceptions.MethodNotImplemented, match="second container"):
        region.create(asked)


_KILLED = """
import sys, time
from pathlib import Path
from local.images import static_site
from local.run import CloudRun
from local.run.engine import Engine
from tests.local.run_region import region_of
from tests.local.run_shelf import Shelf

with Shelf() as shelf, CloudRun(
    root=Path(sys.argv[1]), host_map=shelf.host_map, project_numbers={"sample-project": 1},
    runtime=Engine(sys.argv[2]),
) as cloud_run, region_of(cloud_run, shelf.put(static_site("killed"))) as region:
    region.create()
    print("running", flush=True)
    time.sleep(60)
"""


def test_a_killed_stack_leaves_no_container(engine: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path / "run"), str(engine)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.kill()
    (pid,) = pids(engine)
    assert eventually(lambda: not Path(f"/proc/{pid}").exists())
