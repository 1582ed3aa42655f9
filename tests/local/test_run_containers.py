"""What a container has: its command, user, environment, files, volumes and network."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from local.images import static_site
from local.run import CloudRun
from local.run.containers import account
from local.run.errors import RevisionFailed
from tests.local.run_contained import (
    AS_ROOT,
    by_each,
    cloud_run,
    opened,
    page,
    region,
    runtime,
    script,
    shelf,
)
from tests.local.run_region import Region, eventually, region_of, status_of
from tests.local.run_shelf import Shelf

__all__ = ["cloud_run", "region", "runtime", "shelf"]


def environment(service: run_v2.Service) -> Mapping[str, str]:
    lines = page(f"{service.uri}/cgi-bin/env").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


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


def test_what_is_not_implemented_is_refused(region: Region) -> None:
    secret = {"secret_key_ref": {"secret": "password", "version": "1"}}
    with pytest.raises(exceptions.MethodNotImplemented, match="secret of variable PASSWORD"):
        opened(region, env=[{"name": "PASSWORD", "value_source": secret}])


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


@AS_ROOT
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
