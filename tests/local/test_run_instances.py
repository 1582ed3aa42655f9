"""How a container begins and ends: waited for, probed, idle, replaced, killed."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from local.images import exits_at_start, image, listens_late, never_listens, static_site
from local.layers import File, busybox_layer, files_layer
from local.run import Behaviour, CloudRun
from tests.fixtures.misbehaving import HEALTH, POISON, falls_ill
from tests.fixtures.operations import finished
from tests.local.run_contained import (
    by_each,
    cloud_run,
    opened,
    page,
    region,
    runtime,
    script,
    shelf,
)
from tests.local.run_region import SUCCEEDED, Region, eventually, region_of, status_of
from tests.local.run_shelf import Shelf

__all__ = ["cloud_run", "region", "runtime", "shelf"]


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
