"""What Cloud Run refuses of volumes, secrets, networks, probes and scaling, and what it adds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api import launch_stage_pb2
from google.api_core import exceptions
from google.cloud import run_v2

from local.run import CloudRun
from tests.local.run_region import Region, region_of

IMAGE = "docker.io/library/nginx:1.27"
MEMORY = {"name": "a", "empty_dir": {}}
SECRET = {"secret": "key", "version": "1"}
INTERFACE = {"network": "default"}


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Region]:
    numbers = {"sample-project": 123456789012}
    with (
        CloudRun(root=tmp_path, project_numbers=numbers, containers=False, images=False) as run,
        region_of(run, IMAGE) as region,
    ):
        yield region


def service(*, container: dict[str, Any] | None = None, **template: Any) -> dict[str, Any]:
    return {"template": {"containers": [{"image": IMAGE, **(container or {})}], **template}}


def mounted(volume: dict[str, Any], *mounts: dict[str, str]) -> dict[str, Any]:
    return service(container={"volume_mounts": mounts}, volumes=[volume])


def scaled(**scaling: Any) -> dict[str, Any]:
    return {**service(), "scaling": scaling}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (service(volumes=[MEMORY, MEMORY]), "a name of its own"),
        (service(volumes=[{"name": "a"}]), "of no type"),
        (mounted(MEMORY, {"name": "b", "mount_path": "/b"}), "the name of no volume"),
        (mounted(MEMORY, {"name": "a", "mount_path": "b"}), "an absolute path"),
        (mounted(MEMORY, {"name": "a", "mount_path": "/b:c"}), "an absolute path"),
        (mounted(MEMORY, {"name": "a", "mount_path": "/dev"}), "not at or below /dev"),
        (mounted(MEMORY, *[{"name": "a", "mount_path": "/b"}] * 2), "mounted twice"),
        (
            mounted(
                {"name": "a", "cloud_sql_instance": {"instances": ["p:r:i"]}},
                {"name": "a", "mount_path": "/db"},
            ),
            "instances are at /cloudsql",
        ),
        (
            service(volumes=[{"name": "a", "cloud_sql_instance": {"instances": ["db"]}}]),
            "PROJECT:REGION:INSTANCE",
        ),
        (service(volumes=[{"name": "a", "empty_dir": {"size_limit": "lots"}}]), "a quantity"),
        (service(volumes=[{"name": "a", "gcs": {}}]), "bucket"),
        (service(volumes=[{"name": "a", "nfs": {"server": "s", "path": "p"}}]), "absolute path"),
        (service(volumes=[{"name": "a", "secret": {"secret": "a/b"}}]), "is not SECRET"),
        (
            service(volumes=[{"name": "a", "secret": {"secret": "k", "items": [{"path": "f"}]}}]),
            "a version is required",
        ),
        (
            service(volumes=[{"name": "a", "secret": {"secret": "k", "default_mode": 0o1000}}]),
            "between 0000 and 0777",
        ),
        (
            service(
                container={
                    "env": [
                        {"name": "A", "value": "plain"},
                        {"name": "A", "value_source": {"secret_key_ref": SECRET}},
                    ]
                }
            ),
            "given twice",
        ),
        (
            service(
                container={
                    "env": [{"name": "A", "value_source": {"secret_key_ref": {"secret": "key"}}}]
                }
            ),
            "a version is required",
        ),
        (
            service(
                vpc_access={
                    "connector": "projects/p/locations/r/connectors/c",
                    "network_interfaces": [INTERFACE],
                }
            ),
            "either a connector or network interfaces",
        ),
        (service(vpc_access={"connector": "c"}), "no projects/P/locations/R/connectors/C"),
        (service(vpc_access={"network_interfaces": [INTERFACE] * 2}), "only one"),
        (service(vpc_access={"network_interfaces": [{"tags": ["a"]}]}), "is required"),
        (service(container={"liveness_probe": {"period_seconds": 5}}), "exactly one of"),
        (service(container={"liveness_probe": {"tcp_socket": {}}}), "startup probes only"),
        (service(container={"readiness_probe": {"http_get": {}}}), "at least as BETA"),
        (
            service(container={"startup_probe": {"http_get": {}, "timeout_seconds": 11}}),
            "must not exceed period_seconds",
        ),
        (scaled(min_instance_count=2, max_instance_count=1), "must not exceed"),
        (scaled(min_instance_count=-1), "negative"),
        (scaled(manual_instance_count=1), "belongs to the scaling mode MANUAL"),
        (service(node_selector={"accelerator": "nvidia-l4"}), "belongs to a GPU"),
        (
            {**service(), "binary_authorization": {"breakglass_justification": "why"}},
            "must be empty",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(
    region: Region, asked: dict[str, Any], says: str
) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=says):
        region.create(run_v2.Service(asked))


def test_a_preview_is_taken_by_its_launch_stage(region: Region) -> None:
    asked = service(container={"readiness_probe": {"http_get": {}}})

    made = region.create(run_v2.Service({**asked, "launch_stage": launch_stage_pb2.BETA}))

    assert made.launch_stage == launch_stage_pb2.BETA


def test_probes_are_written_out_with_the_containers_port(region: Region) -> None:
    asked = service(
        container={
            "ports": [{"container_port": 8081}],
            "liveness_probe": {"http_get": {}},
            "startup_probe": {"grpc": {"port": 9090}},
        }
    )

    (container,) = region.create(run_v2.Service(asked)).template.containers

    live, start = container.liveness_probe, container.startup_probe
    assert (live.http_get.path, live.http_get.port) == ("/", 8081)
    assert (live.timeout_seconds, live.period_seconds, live.failure_threshold) == (1, 10, 3)
    assert start.grpc.port == 9090


def test_only_private_addresses_go_through_a_network_unless_said_otherwise(region: Region) -> None:
    asked = service(vpc_access={"network_interfaces": [INTERFACE]})

    access = region.create(run_v2.Service(asked)).template.vpc_access

    assert access.egress == run_v2.VpcAccess.VpcEgress.PRIVATE_RANGES_ONLY
    assert "vpc_access" not in region.create().template
