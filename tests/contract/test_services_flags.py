"""Every flag of `gcloud run deploy` that a message has: written, stored, and read as was meant."""

import json
from typing import Any

import pytest
from google.api import launch_stage_pb2
from google.cloud import run_v2

from local import world
from tests.fixtures.cloud_run import MIRRORED, NAME, NEW, ONE, TWO, World, container, of, wanted
from transship.clients.run_template import SETTINGS
from transship.errors import Refused
from transship.model.messages import DeployRequest, decode_message
from transship.model.normal_form import settings_in
from transship.model.settings import Settings, pairs

CONNECTOR = f"{NAME.parent}/connectors/c1"
SECRETS = {"PASSWORD": "password:1", "/etc/keys/token": "token:latest", "/etc/keys/old": "token:3"}
VOLUMES = {
    "cache": {"type": "in-memory", "mount_path": "/cache", "size_limit": "1024Mi"},
    "files": {
        "type": "cloud-storage",
        "mount_path": "/files",
        "bucket": "site-files",
        "readonly": True,
        "mount_options": ["implicit-dirs"],
    },
    "share": {"type": "nfs", "mount_path": "/share", "location": "10.0.0.2:/share"},
}
GPU = {"cpu": "4", "memory": "16Gi", "cpu_throttling": False, "concurrency": 8}

# Each field of a message that is a setting, and the message in which it is named.
MESSAGES: dict[str, dict[str, Any]] = {
    "args": {"args": ["-v"]},
    "binary_authorization": {"binary_authorization": "default"},
    "breakglass": {"binary_authorization": "default", "breakglass": "the site is down"},
    "cloudsql_instances": {"cloudsql_instances": ["db", "other-project:us-central1:db"]},
    "command": {"command": ["/bin/serve"]},
    "concurrency": {"concurrency": 7},
    "cpu": {"cpu": "2"},
    "cpu_boost": {"cpu_boost": False},
    "cpu_throttling": {"cpu_throttling": False},
    "default_url": {"default_url": False},
    "description": {"description": "the site"},
    "env_vars": {"env_vars": {"A": "1"}},
    "execution_environment": {"execution_environment": "gen2"},
    "gpu": {**GPU, "gpu": 1, "gpu_type": "nvidia-l4"},
    "gpu_type": {**GPU, "gpu": 1, "gpu_type": "nvidia-l4"},
    "gpu_zonal_redundancy": {
        **GPU,
        "gpu": 1,
        "gpu_type": "nvidia-l4",
        "gpu_zonal_redundancy": False,
    },
    "ingress": {"ingress": "internal"},
    "invoker_iam_check": {"invoker_iam_check": False},
    "labels": {"labels": {"team": "a"}},
    "liveness_probe": {"liveness_probe": {"http_get": {"path": "/alive"}, "period_seconds": 30}},
    "max": {"max": 9},
    "max_instances": {"max_instances": 4},
    "memory": {"memory": "1024Mi"},
    "min": {"min": 1},
    "min_instances": {"min_instances": 1},
    "network": {"network": "projects/sample-project/global/networks/default"},
    "network_tags": {"network": "default", "network_tags": ["web", "run"]},
    "port": {"port": 8081},
    "readiness_probe": {"readiness_probe": {"grpc": {"service": "ready"}}},
    "scaling": {"scaling": 3},
    "secrets": {"secrets": SECRETS},
    "service_account": {"service_account": world.WARMER},
    "session_affinity": {"session_affinity": True},
    "startup_probe": {"startup_probe": {"tcp_socket": {}, "failure_threshold": 20}},
    "subnet": {"network": "default", "subnet": "run"},
    "timeout": {"timeout": "2m"},
    "use_http2": {"use_http2": True},
    "volumes": {"volumes": VOLUMES},
    "vpc_connector": {"vpc_connector": "c1"},
    "vpc_egress": {"vpc_connector": "c1", "vpc_egress": "all-traffic"},
}


def settings(**message: Any) -> Settings:
    request = decode_message(json.dumps({"image": world.IMAGE, **message}).encode())
    assert isinstance(request, DeployRequest)
    return settings_in(request, NAME)


def apply(at: World, **message: Any) -> run_v2.Service:
    """A message is applied to the service that there is; what the API says then."""
    at.services.replace(at.read(), wanted(TWO, settings(**message)))
    return at.said()


def put(at: World, **message: Any) -> run_v2.RevisionTemplate:
    return apply(at, **message).template


def test_every_setting_has_a_message_below() -> None:
    assert list(MESSAGES) == sorted(setting.name for setting in SETTINGS)


@pytest.mark.parametrize("field", MESSAGES)
def test_what_a_message_names_is_stored_and_reads_as_no_difference(at: World, field: str) -> None:
    at.services.create(wanted())
    named = settings(**MESSAGES[field])
    assert field in named.differences(at.read().settings), "it is something new"

    at.services.replace(at.read(), wanted(TWO, named))

    assert named.differences(at.read().settings) == []


@pytest.mark.parametrize("field", MESSAGES)
def test_a_new_service_has_what_a_message_names(at: World, field: str) -> None:
    named = settings(**MESSAGES[field])

    at.services.create(wanted(settings=named.over(NEW)))

    assert named.differences(at.read().settings) == []


@pytest.mark.parametrize("field", MESSAGES)
def test_what_is_as_asked_for_is_not_written_again(at: World, field: str) -> None:
    named = settings(**MESSAGES[field])
    at.services.create(wanted(settings=named.over(NEW)))
    before = at.read()

    at.services.replace(before, wanted(settings=named.over(NEW)))

    # Its record apart, which names the event.
    assert at.read().latest_created == before.latest_created
    assert at.masks() == [("annotations", "client", "labels", "template")]


@pytest.mark.parametrize(
    ("message", "paths"),
    [
        ({"description": "x"}, {"description"}),
        ({"default_url": False}, {"default_uri_disabled"}),
        ({"invoker_iam_check": False}, {"invoker_iam_disabled"}),
        ({"min": 1, "max": 2}, {"scaling.min_instance_count", "scaling.max_instance_count"}),
        ({"scaling": 2}, {"scaling.scaling_mode", "scaling.manual_instance_count"}),
        ({"binary_authorization": "default"}, {"binary_authorization"}),
        ({"readiness_probe": {"http_get": {}}}, {"launch_stage"}),
        ({"startup_probe": {"http_get": {}}}, set()),
    ],
)
def test_a_field_of_the_service_has_a_mask_path_of_its_own(
    at: World, message: dict[str, Any], paths: set[str]
) -> None:
    at.services.create(wanted())

    apply(at, **message)

    assert set(at.masks()[-1]) - {"annotations", "client", "labels", "template"} == paths


# What a write keeps, and what it takes away


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


def env(template: run_v2.RevisionTemplate) -> dict[str, str]:
    """The variables; a secret's by what it names."""
    return {
        v.name: (
            f"{v.value_source.secret_key_ref.secret}:{v.value_source.secret_key_ref.version}"
            if "value_source" in v
            else v.value
        )
        for v in template.containers[0].env
    }


def test_secrets_are_replaced_and_plain_variables_stay(at: World) -> None:
    first = settings(env_vars={"A": "1"}, secrets={"OLD": "old:1", "/etc/old/file": "old:1"})
    at.services.create(wanted(settings=first.over(NEW)))

    template = put(at, secrets={"NEW": "new:2"})

    assert env(template) == {"A": "1", "NEW": "new:2"}
    assert not template.volumes
    assert not template.containers[0].volume_mounts


def test_a_variable_becomes_a_secret_in_one_write(at: World) -> None:
    at.services.create(wanted(settings=settings(env_vars={"KEY": "plain"}).over(NEW)))

    assert env(put(at, secrets={"KEY": "key:1"})) == {"KEY": "key:1"}


def test_a_secret_becomes_a_variable_in_one_write(at: World) -> None:
    at.services.create(wanted(settings=settings(secrets={"KEY": "key:1"}).over(NEW)))

    assert env(put(at, env_vars={"KEY": "plain"})) == {"KEY": "plain"}


def test_files_of_one_directory_are_one_volume(at: World) -> None:
    at.services.create(wanted())

    template = put(at, secrets=SECRETS)

    (volume,) = template.volumes
    (mount,) = template.containers[0].volume_mounts
    assert (mount.name, mount.mount_path) == (volume.name, "/etc/keys")
    assert volume.secret.secret == "token"
    assert {item.path: item.version for item in volume.secret.items} == {
        "token": "latest",
        "old": "3",
    }


def test_a_secret_volume_without_items_is_a_file_of_the_secrets_name(at: World) -> None:
    source = run_v2.SecretVolumeSource(secret="projects/sample-project/secrets/token")
    theirs = of(
        container(volume_mounts=[run_v2.VolumeMount(name="keys", mount_path="/etc/keys")]),
    )
    theirs.template.volumes = [run_v2.Volume(name="keys", secret=source)]
    at.make(theirs)

    template = put(at, secrets={"/etc/keys/token": "token:latest"})

    assert template.volumes[0].name == "keys", "as asked for, and left as it was written"


def shared() -> run_v2.Service:
    """Two containers with a volume and a secret's, which the sidecar mounts too."""
    mounts = [
        run_v2.VolumeMount(name="both", mount_path="/both"),
        run_v2.VolumeMount(name="keys", mount_path="/keys"),
    ]
    alone = run_v2.VolumeMount(name="alone", mount_path="/alone")
    service = of(
        container(name="main", ports=[run_v2.ContainerPort()], volume_mounts=mounts),
        container(f"{world.MIRROR}/sidecar@{TWO}", name="sidecar", volume_mounts=[*mounts, alone]),
    )
    service.template.volumes = [
        run_v2.Volume(name="both", empty_dir=run_v2.EmptyDirVolumeSource()),
        run_v2.Volume(name="alone", gcs=run_v2.GCSVolumeSource(bucket="theirs")),
        run_v2.Volume(name="keys", secret=run_v2.SecretVolumeSource(secret="token")),
    ]
    return service


def test_volumes_that_other_containers_mount_are_kept(at: World) -> None:
    at.make(shared())
    before = at.said().template

    template = put(at, volumes={}, secrets={})

    assert not template.containers[0].volume_mounts
    assert template.containers[1] == before.containers[1]
    assert template.volumes == before.volumes


def test_volumes_of_other_containers_are_none_that_a_message_names(at: World) -> None:
    theirs = at.make(shared())

    assert [name for name, _ in theirs.settings.volumes or ()] == ["both"]


def test_a_volume_of_secrets_may_be_shared_with_another_container(at: World) -> None:
    at.services.create(wanted(settings=settings(secrets=SECRETS).over(NEW)))
    service = at.said()
    main = service.template.containers[0]
    main.name = "main"
    sidecar = container(name="sidecar", volume_mounts=list(main.volume_mounts))
    service.template.containers = [main, sidecar]
    service.template.revision = ""
    at.change(service)
    (shared_volume,) = at.said().template.volumes

    template = put(at, secrets={**SECRETS, "ADDED": "added:1"})

    assert list(template.volumes) == [shared_volume], "the same files, and so the same volume"

    first, second = put(at, secrets={"/etc/keys/token": "token:9"}).volumes
    assert first == shared_volume, "the sidecar's"
    assert [item.version for item in second.secret.items] == ["9"]


def test_volumes_are_replaced_and_secrets_and_databases_stay(at: World) -> None:
    first = settings(volumes=VOLUMES, secrets=SECRETS, cloudsql_instances=["db"])
    at.services.create(wanted(settings=first.over(NEW)))

    put(at, volumes={"cache": VOLUMES["cache"]})

    now = at.read().settings
    assert [name for name, _ in now.volumes or ()] == ["cache"]
    assert (now.secrets, now.cloudsql_instances) == (first.secrets, first.cloudsql_instances)


def test_instances_are_one_volume_at_the_path_that_clients_expect(at: World) -> None:
    at.services.create(wanted())

    template = put(at, cloudsql_instances=["db", "other"])

    (volume,), (mount,) = template.volumes, template.containers[0].volume_mounts
    assert list(volume.cloud_sql_instance.instances) == [
        f"{world.PROJECT}:{world.LOCATION}:db",
        f"{world.PROJECT}:{world.LOCATION}:other",
    ]
    assert (mount.name, mount.mount_path) == (volume.name, "/cloudsql")
    assert not put(at, cloudsql_instances=[]).volumes


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


# Probes and ports


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


# What the API refuses


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"liveness_probe": {"tcp_socket": {}}}, "startup probes only"),
        ({"startup_probe": {"http_get": {}, "initial_delay_seconds": 241}}, "between 0 and 240"),
        (
            {"execution_environment": "gen1", "volumes": {"files": VOLUMES["files"]}},
            "second generation",
        ),
        ({"volumes": {"a": {"type": "in-memory", "mount_path": "/proc/a"}}}, "/proc"),
        ({"network_tags": ["web"]}, "a network or a subnetwork is required"),
        ({"gpu": 1, "gpu_type": "nvidia-l4"}, "a GPU needs 4 CPUs"),
        ({"breakglass": "because"}, "must be empty while binary authorization is off"),
        (
            {
                "volumes": {"a": {"type": "in-memory", "mount_path": "/k"}},
                "secrets": {"/k/f": "s:1"},
            },
            "is mounted twice",
        ),
    ],
)
def test_what_cloud_run_refuses_names_the_field(
    at: World, message: dict[str, Any], says: str
) -> None:
    at.services.create(wanted())

    with pytest.raises(Refused, match=says):
        at.services.replace(at.read(), wanted(TWO, settings(**message)))


def test_names_of_another_hand_are_read_whatever_they_are(at: World) -> None:
    theirs = of(container(image=f"{MIRRORED.name}@{ONE}"))
    theirs.template.vpc_access.network_interfaces = [
        run_v2.VpcAccess.NetworkInterface(network="https://example.com/Net_1", subnetwork="S_1")
    ]
    theirs.template.volumes = [
        run_v2.Volume(name="m", empty_dir=run_v2.EmptyDirVolumeSource(size_limit="10Mi"))
    ]

    read = at.make(theirs).settings

    assert (read.network, read.subnet, read.volumes) == ("https://example.com/Net_1", "S_1", ())
    assert read.env_vars == pairs({})
