"""Each setting of a message: stored, read as no difference, and refused as Cloud Run refuses."""

from typing import Any

import pytest
from google.cloud import run_v2

from local import world
from tests.contract.services_messages import GPU, SECRETS, VOLUMES, apply, settings
from tests.fixtures.cloud_run import MIRRORED, NEW, ONE, TWO, World, container, of, wanted
from transship.clients.run_template import SETTINGS
from transship.errors import Refused
from transship.model.settings import pairs

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
