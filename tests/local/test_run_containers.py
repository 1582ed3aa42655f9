"""Containers that the local Cloud Run runs: their surroundings, their health and their end."""

import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from local.images import exits_at_start, image, listens_late, never_listens, static_site
from local.layers import File, busybox_layer, files_layer
from local.manifests import Image
from local.run import Behaviour, CloudRun
from local.run.bubblewrap import Bubblewrap
from local.run.chroot import Chroot
from local.run.containers import Runtime, account
from local.run.errors import RevisionFailed
from local.run.runtimes import choose
from tests.fixtures.misbehaving import HEALTH, POISON, falls_ill
from tests.fixtures.operations import finished
from tests.local.run_region import SUCCEEDED, Region, eventually, region_of, status_of
from tests.local.run_shelf import Shelf

_AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Runtime:
    if getattr(request, "param", "") == "chroot":
        return Chroot(tmp_path / "runtime")
    chosen = choose(tmp_path / "runtime")
    if not isinstance(chosen, Bubblewrap):
        pytest.skip("bubblewrap does not work here")
    return chosen


by_each = pytest.mark.parametrize(
    "runtime", ["bubblewrap", pytest.param("chroot", marks=_AS_ROOT)], indirect=True
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


def environment(service: run_v2.Service) -> Mapping[str, str]:
    lines = page(f"{service.uri}/cgi-bin/env").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


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


@by_each
def test_two_services_listen_on_the_same_port(region: Region, shelf: Shelf) -> None:
    first = opened(region)
    region.image = shelf.put(static_site("another"))
    second = opened(region)
    assert first.uri != second.uri
    assert "sample" in page(first.uri)
    assert "another" in page(second.uri)


@by_each
def test_a_container_is_told_who_it_is(region: Region) -> None:
    service = opened(region, env=[{"name": "COLOUR", "value": "blue"}])
    told = environment(service)
    name = service.name.rpartition("/")[2]
    assert told["PORT"] == "80"
    assert told["K_SERVICE"] == told["K_CONFIGURATION"] == name
    assert told["K_REVISION"] == service.latest_ready_revision.rpartition("/")[2]
    assert told["COLOUR"] == "blue"
    assert told["PATH"] == "/bin"
    assert "VIRTUAL_ENV" not in told


def test_the_command_of_the_service_replaces_that_of_the_image(region: Region) -> None:
    service = opened(region, command=["/bin/sh"], args=["-c", "exec httpd -f -p 80 -h /etc"])
    assert status_of(service.uri) == 404
    assert "localhost" in page(f"{service.uri}/hosts")


@by_each
@pytest.mark.parametrize("user", ["web", "1234:2345", "web:web"])
def test_an_image_runs_as_its_user_even_on_a_low_port(
    region: Region, shelf: Shelf, user: str
) -> None:
    region.image = shelf.put(script("exec httpd -f -p 80 -h /www", User=user, WorkingDir="/etc"))
    assert page(f"{opened(region).uri}/cgi-bin/id").split() == ["1234", "2345", "/www/cgi-bin"]


@by_each
def test_what_a_container_writes_is_seen_by_no_other(region: Region, shelf: Shelf) -> None:
    command = "cat /mark >/www/found 2>&1; echo seen >/mark; exec httpd -f -p 80 -h /www"
    region.image = shelf.put(script(command))
    for _ in range(2):
        assert "seen" not in page(f"{opened(region).uri}/found")


def test_a_container_that_never_listens_fails_and_the_old_one_serves_on(
    region: Region, shelf: Shelf, cloud_run: CloudRun
) -> None:
    service = opened(region)
    cloud_run.behaviour.startup_limit = 0.3
    service.template.containers[0].image = shelf.put(never_listens())
    with pytest.raises(exceptions.FailedPrecondition, match="PORT=80"):
        region.update(service, "template")
    assert "sample" in page(service.uri)
    assert cloud_run.running() == {service.latest_ready_revision}


@by_each
def test_a_container_that_exits_fails_at_once_and_its_log_says_why(
    region: Region, shelf: Shelf
) -> None:
    region.image = shelf.put(exits_at_start())
    with pytest.raises(exceptions.FailedPrecondition, match="failed to start and listen"):
        opened(region)
    (revision,) = region.revisions.list_revisions(parent=region.made[0])
    assert "cannot start" in page(revision.log_uri)
    (ready,) = (c for c in revision.conditions if c.type_ == "Ready")
    assert ready.revision_reason == run_v2.Condition.RevisionReason.HEALTH_CHECK_CONTAINER_ERROR


def test_a_slow_container_is_waited_for(region: Region, shelf: Shelf) -> None:
    region.image = shelf.put(listens_late(0.3))
    assert "late" in page(opened(region).uri)


def test_an_http_probe_decides(region: Region) -> None:
    service = opened(region, startup_probe={"http_get": {"path": "/index.html"}})
    assert service.terminal_condition.state == SUCCEEDED
    with pytest.raises(exceptions.FailedPrecondition, match="startup probe checks"):
        opened(
            region,
            startup_probe={
                "http_get": {"path": "/missing"},
                "period_seconds": 1,
                "failure_threshold": 1,
            },
        )


def test_what_is_not_implemented_is_refused(region: Region) -> None:
    secret = {"secret_key_ref": {"secret": "password", "version": "1"}}
    with pytest.raises(exceptions.MethodNotImplemented, match="secret of variable PASSWORD"):
        opened(region, env=[{"name": "PASSWORD", "value_source": secret}])


def test_a_revision_without_traffic_rests_and_starts_again_on_demand(
    region: Region, cloud_run: CloudRun
) -> None:
    service = opened(region)
    first = service.latest_ready_revision
    second = region.set_variable(service, "2")
    assert eventually(lambda: cloud_run.running() == {second.latest_ready_revision})
    second.traffic = [run_v2.TrafficTarget(type_=2, revision=first.rpartition("/")[2], percent=100)]
    region.update(second, "traffic")
    assert "sample" in page(service.uri)
    assert eventually(lambda: cloud_run.running() == {first})


def test_a_container_that_died_is_replaced_at_the_next_request(
    region: Region, shelf: Shelf
) -> None:
    die = File(content=b"#!/bin/sh\nkill -9 $(cat /pid)\n", mode=0o755)
    files = files_layer({"www/cgi-bin/die": die})
    command = "echo $$ >/pid; exec httpd -f -p 80 -h /www"
    region.image = shelf.put(
        image(
            [busybox_layer(), files],
            {"Cmd": ["/bin/sh", "-c", command], "Env": ["PATH=/bin"]},
        )
    )
    service = opened(region)
    assert status_of(service.uri) == 404
    assert status_of(f"{service.uri}/cgi-bin/die") == 503
    assert eventually(lambda: status_of(service.uri) == 404)


def test_a_container_whose_liveness_probe_fails_is_replaced(region: Region, shelf: Shelf) -> None:
    region.image = shelf.put(falls_ill())
    probe = {"http_get": {"path": HEALTH}, "period_seconds": 1, "failure_threshold": 1}
    service = opened(region, liveness_probe=probe)
    assert status_of(service.uri) == 200
    assert status_of(service.uri + POISON) == 500
    assert eventually(lambda: status_of(service.uri) == 200), "another one, which is well"


@by_each
def test_sigterm_comes_first(region: Region, shelf: Shelf, cloud_run: CloudRun) -> None:
    cloud_run.behaviour.stop_grace = 5.0
    command = (
        "trap 'echo said goodbye; exit' TERM; httpd -p 80 -h /www; while :; do sleep 0.01; done"
    )
    region.image = shelf.put(script(command))
    service = opened(region)
    (revision,) = region.revisions.list_revisions(parent=service.name)
    finished(region.services.delete_service(name=service.name))
    assert "goodbye" in page(revision.log_uri)


@by_each
def test_a_deaf_container_is_killed(region: Region, shelf: Shelf, cloud_run: CloudRun) -> None:
    region.image = shelf.put(script("trap '' TERM; exec httpd -f -p 80 -h /www"))
    service = opened(region)
    finished(region.services.delete_service(name=service.name))
    assert cloud_run.running() == set()


def test_an_empty_dir_is_mounted(region: Region, shelf: Shelf) -> None:
    command = "echo kept >/scratch/file; exec httpd -f -p 80 -h /scratch"
    region.image = shelf.put(script(command))
    asked = region.asked(volumes=[{"name": "scratch", "empty_dir": {}}])
    asked.template.containers[0].volume_mounts = [
        run_v2.VolumeMount(name="scratch", mount_path="/scratch")
    ]
    asked.template.containers[0].ports = [run_v2.ContainerPort(container_port=80)]
    asked.invoker_iam_disabled = True
    assert page(f"{region.create(asked).uri}/file") == "kept\n"


def test_another_volume_is_refused(region: Region) -> None:
    asked = region.asked(volumes=[{"name": "keys", "secret": {"secret": "key"}}])
    asked.template.containers[0].volume_mounts = [
        run_v2.VolumeMount(name="keys", mount_path="/keys")
    ]
    with pytest.raises(exceptions.MethodNotImplemented, match="volume keys"):
        region.create(asked)


def test_an_idle_container_is_stopped_unless_it_is_a_minimum_instance(
    shelf: Shelf, tmp_path: Path
) -> None:
    with (
        CloudRun(
            root=tmp_path,
            host_map=shelf.host_map,
            project_numbers={"sample-project": 1},
            behaviour=Behaviour(idle_after=0.1),
        ) as cloud_run,
        region_of(cloud_run, shelf.put(static_site("idle"))) as region,
    ):
        kept = region.create(region.asked(scaling={"min_instance_count": 1}))
        service = opened(region)
        assert eventually(lambda: cloud_run.running() == {kept.latest_ready_revision})
        assert "idle" in page(service.uri)


def test_requests_at_once_start_one_container(region: Region, cloud_run: CloudRun) -> None:
    service = opened(region)
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(status_of(service.uri))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 20
    assert len(cloud_run.running()) == 1


@_AS_ROOT
def test_a_sidecar_shares_the_network(shelf: Shelf, tmp_path: Path) -> None:
    web = "exec httpd -f -p 80 -h /www"
    wait = (
        "until busybox wget -q -O /dev/null http://127.0.0.1:80/; do sleep 0.02; done; echo reached"
    )
    with (
        CloudRun(
            root=tmp_path, host_map=shelf.host_map, project_numbers={"sample-project": 1}
        ) as cloud_run,
        region_of(cloud_run, shelf.put(script(web))) as region,
    ):
        asked = region.asked()
        asked.template.containers = [
            run_v2.Container(name="beside", image=shelf.put(script(f"{wait}; sleep 1000"))),
            run_v2.Container(name="web", image=region.image, ports=[{"container_port": 80}]),
        ]
        service = region.create(asked)
        name = service.latest_ready_revision.rpartition("/")[2]
        (log,) = (tmp_path / "logs").rglob(f"{name}.beside.log")
        assert eventually(lambda: "reached" in log.read_text())


def test_an_unknown_user_is_named(tmp_path: Path) -> None:
    with pytest.raises(RevisionFailed, match="user 'nobody'"):
        account(tmp_path, "nobody")
    assert account(tmp_path, "") == (0, 0)


_KILLED = """
import sys, time
from pathlib import Path
from local.images import static_site
from local.run import CloudRun
from tests.fixtures.misbehaving import HEALTH, POISON, falls_ill
from tests.local.run_region import region_of
from tests.local.run_shelf import Shelf

with Shelf() as shelf, CloudRun(
    root=Path(sys.argv[1]), host_map=shelf.host_map, project_numbers={"sample-project": 1}
) as cloud_run, region_of(cloud_run, shelf.put(static_site("killed"))) as region:
    region.create()
    print("running", flush=True)
    time.sleep(60)
"""


def test_nothing_is_left_behind_when_the_stack_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        below = descendants(process.pid)
        assert len(below) >= 3
        process.send_signal(signal.SIGKILL)
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below))


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found
