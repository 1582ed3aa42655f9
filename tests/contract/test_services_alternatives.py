"""Settings that take the place of another, or bring one along: networks, probes, GPUs, scaling."""

from typing import Any

import pytest
from google.api import launch_stage_pb2
from google.cloud import run_v2

from local import world
from tests.contract.services_messages import GPU, apply, put, settings
from tests.fixtures.cloud_run import NAME, NEW, TWO, World, container, of, wanted

CONNECTOR = f"{NAME.parent}/connectors/c1"


def test_the_services_own_scaling_is_kept_field_by_field(at: World) -> None:
    theirs = of(container())
    theirs.scaling = run_v2.ServiceScaling(min_instance_count=1, max_instance_count=5)
    at.make(theirs)

    scaling = apply(at, max=7).scaling

    assert (scaling.min_instance_count, scaling.max_instance_count) == (1, 7)


def test_scaling_by_hand_ends(at: World) -> None:
    at.services.create(wanted(settings=settings(scaling=3).over(NEW)))

    scaling = apply(at, scaling="auto").scaling

    assert scaling.scaling_mode == run_v2.ServiceScaling.ScalingMode.AUTOMATIC
    assert "manual_instance_count" not in scaling


def test_a_network_takes_the_place_of_a_connector_and_the_other_way(at: World) -> None:
    at.services.create(wanted(settings=settings(vpc_connector="c1").over(NEW)))
    assert at.said().template.vpc_access.connector == CONNECTOR

    access = put(at, network="default", subnet="run").vpc_access
    assert (access.connector, len(access.network_interfaces)) == ("", 1)

    access = put(at, vpc_connector="c1").vpc_access
    assert (access.connector, len(access.network_interfaces)) == (CONNECTOR, 0)


def test_what_goes_through_the_network_stays_so_when_the_way_to_it_changes(at: World) -> None:
    first = settings(vpc_connector="c1", vpc_egress="all-traffic")
    at.services.create(wanted(settings=first.over(NEW)))

    egress = put(at, vpc_connector="", network="default").vpc_access.egress
    assert egress == run_v2.VpcAccess.VpcEgress.ALL_TRAFFIC

    egress = put(at, vpc_connector="c1", network="").vpc_access.egress
    assert egress == run_v2.VpcAccess.VpcEgress.ALL_TRAFFIC


@pytest.mark.parametrize("field", ["network", "vpc_connector"])
def test_a_service_leaves_a_network(at: World, field: str) -> None:
    at.services.create(wanted(settings=settings(**{field: "default"}).over(NEW)))
    assert "vpc_access" in at.said().template

    assert "vpc_access" not in put(at, **{field: ""})


def test_a_new_network_does_not_keep_the_subnet_of_the_old(at: World) -> None:
    first = settings(network="one", subnet="of-one", network_tags=["web"])
    at.services.create(wanted(settings=first.over(NEW)))

    (interface,) = put(at, network="two").vpc_access.network_interfaces

    assert (interface.network, interface.subnetwork, list(interface.tags)) == ("two", "", ["web"])


def test_a_policy_of_binary_authorization_takes_the_place_of_the_default(at: World) -> None:
    at.services.create(wanted(settings=settings(binary_authorization="default").over(NEW)))
    named = settings(binary_authorization=f"projects/{world.PROJECT}/platforms/cloudRun/strict")

    at.services.replace(at.read(), wanted(TWO, named))

    assert named.differences(at.read().settings) == []
    assert not at.said().binary_authorization.use_default


def test_binary_authorization_is_switched_off(at: World) -> None:
    first = settings(binary_authorization="default", breakglass="the site is down")
    at.services.create(wanted(settings=first.over(NEW)))

    assert "binary_authorization" not in apply(at, binary_authorization="")


def test_a_gpu_takes_its_type_along_when_it_goes(at: World) -> None:
    first = settings(**GPU, gpu=1, gpu_type="nvidia-l4")
    at.services.create(wanted(settings=first.over(NEW)))

    template = put(at, gpu=0)

    assert "node_selector" not in template
    assert "nvidia.com/gpu" not in dict(template.containers[0].resources.limits)


def test_a_probe_without_a_port_follows_the_containers(at: World) -> None:
    at.services.create(wanted())

    serving = put(at, port=8081, startup_probe={"http_get": {"path": "/up"}}).containers[0]
    assert serving.startup_probe.http_get.port == 8081

    serving = put(at, port=8082).containers[0]
    assert serving.startup_probe.http_get.port == 8082


def test_a_probe_with_a_port_stays_there_while_the_container_moves(at: World) -> None:
    at.services.create(wanted(settings=settings(liveness_probe={"grpc": {"port": 80}}).over(NEW)))

    serving = put(at, port=8081, liveness_probe={"grpc": {"port": 80}}).containers[0]

    assert (serving.ports[0].container_port, serving.liveness_probe.grpc.port) == (8081, 80)


def test_a_probe_is_taken_away(at: World) -> None:
    first = settings(liveness_probe={"http_get": {}}, startup_probe={"http_get": {}})
    at.services.create(wanted(settings=first.over(NEW)))

    serving = put(at, liveness_probe={}, startup_probe={}).containers[0]

    assert "liveness_probe" not in serving
    assert serving.startup_probe.tcp_socket.port == 80, "Cloud Run's own"
    assert settings(startup_probe={}).differences(at.read().settings) == []


def test_a_preview_brings_its_launch_stage_and_keeps_an_earlier_one(at: World) -> None:
    at.services.create(wanted())
    assert apply(at, readiness_probe={"http_get": {}}).launch_stage == launch_stage_pb2.BETA

    service = at.said()
    service.launch_stage = launch_stage_pb2.ALPHA
    at.change(service)
    after = apply(at, readiness_probe={"http_get": {"path": "/other"}})
    assert after.launch_stage == launch_stage_pb2.ALPHA


def test_http2_is_the_name_of_the_port_and_keeps_the_number(at: World) -> None:
    at.services.create(wanted())

    (port,) = put(at, use_http2=True).containers[0].ports
    assert (port.name, port.container_port) == ("h2c", 80)
    (port,) = put(at, port=8081).containers[0].ports
    assert (port.name, port.container_port) == ("h2c", 8081)
    (port,) = put(at, use_http2=False).containers[0].ports
    assert (port.name, port.container_port) == ("http1", 8081)


@pytest.mark.parametrize("message", [{"cpu_boost": True}, {"gpu": 0}, {"memory": "1Gi"}])
def test_naming_another_resource_does_not_switch_to_cpu_that_is_always_on(
    at: World, message: dict[str, Any]
) -> None:
    at.services.create(wanted(settings=settings(**message).over(NEW)))

    assert at.said().template.containers[0].resources.cpu_idle
