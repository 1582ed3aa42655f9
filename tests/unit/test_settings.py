"""Settings in normal form: many spellings, one value; and what merging leaves."""

from typing import Any

import pytest

from tests.unit.nouns import NAME, a_deploy, a_service, with_settings
from transship.errors import InvalidEvent
from transship.model.merging import merged_settings
from transship.model.network import network_resource, subnet_resource
from transship.model.probes import NO_PROBE, ContainerProbe, Grpc, HttpGet, TcpSocket
from transship.model.settings import Settings, pairs
from transship.model.volumes import InMemory, Nfs, Volume

OWN = f"projects/{NAME.project}"


@pytest.mark.parametrize(
    ("field", "spellings"),
    [
        ("secrets", [{"A": "key:1"}, {"A": f"{OWN}/secrets/key:1"}]),
        ("network", ["default", f"{OWN}/global/networks/default"]),
        ("subnet", ["run", f"{OWN}/regions/{NAME.region}/subnetworks/run"]),
        ("vpc_connector", ["c1", f"{OWN}/locations/{NAME.region}/connectors/c1"]),
        ("cloudsql_instances", [["b", "a"], [f"{NAME.project}:{NAME.region}:a", "b", "b"]]),
        ("network_tags", [["b", "a"], ["a", "b", "a"]]),
        (
            "volumes",
            [
                {"a": InMemory(mount_path="/a", size_limit="1Gi")},
                {"a": InMemory(mount_path="/a", size_limit="1024Mi")},
            ],
        ),
    ],
)
def test_spellings_of_one_thing_are_one_setting(field: str, spellings: list[Any]) -> None:
    assert len({a_deploy(**{field: spelling}).settings for spelling in spellings}) == 1
    assert len({a_deploy(**{field: one}).settings.fingerprint() for one in spellings}) == 1


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("network", "projects/other-project/global/networks/default"),
        ("subnet", f"{OWN}/regions/europe-west1/subnetworks/run"),
        ("secrets", {"A": "projects/other-project/secrets/key:1"}),
    ],
)
def test_what_is_not_the_services_own_keeps_its_whole_name(field: str, name: Any) -> None:
    kept = getattr(a_deploy(**{field: name}).settings, field)

    assert (dict(kept) if isinstance(name, dict) else kept) == name


def test_resource_names_are_whole() -> None:
    assert network_resource("a", project="p") == "projects/p/global/networks/a"
    whole = "projects/q/regions/r/subnetworks/s"
    assert subnet_resource(whole, project="p", region="r") == whole
    assert subnet_resource("s", project="q", region="r") == whole


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"network": "Default"}, r"'Default' is wrong; right .* - at `\$\.network`"),
        ({"subnet": "projects/p/subnets/s"}, r"right is a name alone, or .* - at `\$\.subnet`"),
        ({"vpc_connector": "a/b"}, r"connectors/NAME - at `\$\.vpc_connector`"),
        ({"vpc_connector": "c", "network": "n"}, r"one of vpc_connector .*`\$\.vpc_connector`"),
        ({"vpc_connector": "c", "subnet": "s"}, r"one of vpc_connector .*`\$\.vpc_connector`"),
        ({"cloudsql_instances": ["a:b"]}, r"PROJECT:REGION:NAME - at `\$\.cloudsql_instances`"),
        ({"secrets": {"A": "a:1"}, "env_vars": {"A": ""}}, r"'A' is also .* - at `\$\.secrets`"),
        (
            {"update_secrets": {"A": "a:1"}, "update_env_vars": {"A": ""}},
            r"'A' is also .* - at `\$\.update_secrets`",
        ),
        ({"secrets": {}, "remove_secrets": []}, r"`\$\.secrets`"),
        (
            {"secrets": {"/etc/a": "a:1", "/etc/b": "b:1"}},
            r"/etc would have files of a and b; .* - at `\$\.secrets`",
        ),
        (
            {"update_secrets": {"/etc/a": "a:1", "/etc/b": "b:1"}},
            r"/etc would have files of a and b; .* - at `\$\.update_secrets`",
        ),
        ({"min": 2, "max": 1}, r"2 is over max, 1 - at `\$\.min`"),
        (
            {"binary_authorization": "", "breakglass": "why"},
            r"nothing to pass by .* - at `\$\.breakglass`",
        ),
        (
            {"allow_unauthenticated": False, "invoker_iam_check": False},
            r"everybody may invoke .* - at `\$\.invoker_iam_check`",
        ),
        ({"volumes": {"cloudsql": InMemory(mount_path="/a")}}, r"another - at `\$\.volumes`"),
        ({"volumes": {"secret-a": InMemory(mount_path="/a")}}, r"another - at `\$\.volumes`"),
        (
            {"volumes": {"a": InMemory(mount_path="/a", size_limit="lots")}},
            r"right is a number .* - at `\$\.volumes`",
        ),
        (
            {
                "volumes": {
                    "a": InMemory(mount_path="/a"),
                    "b": Nfs(mount_path="/a", location="s:/"),
                }
            },
            r"'a' and 'b' are both at /a; .* - at `\$\.volumes`",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_and_the_error_names_a_field(
    message: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidEvent, match=says):
        a_deploy(**message)


@pytest.mark.parametrize(
    ("joined", "left"),
    [
        ({"network": "default", "subnet": "run"}, {"vpc_connector": ""}),
        ({"vpc_connector": "c1"}, {"network": "", "subnet": ""}),
    ],
)
def test_who_joins_a_network_leaves_the_other_way_to_one(
    joined: dict[str, Any], left: dict[str, Any]
) -> None:
    assert a_deploy(**joined, **left).settings == a_deploy(**joined).settings


# Probes


def test_a_probe_without_a_port_is_as_one_with_the_containers() -> None:
    asked = Settings(liveness_probe=ContainerProbe(http_get=HttpGet(path="/up")))
    stored = ContainerProbe(http_get=HttpGet(path="/up", port=8081))
    current = Settings(port=8081, liveness_probe=stored)

    assert asked.differences(current) == []
    assert Settings(liveness_probe=stored).differences(current) == []


def test_a_probe_without_a_port_moves_with_the_port_that_is_asked_for() -> None:
    probe = ContainerProbe(grpc=Grpc())
    current = Settings(port=80, liveness_probe=ContainerProbe(grpc=Grpc(port=80)))

    asked = Settings(port=8081, liveness_probe=probe)

    assert asked.differences(current) == ["liveness_probe", "port"]


def test_cloud_runs_own_startup_probe_is_none() -> None:
    own = ContainerProbe(
        tcp_socket=TcpSocket(), timeout_seconds=240, period_seconds=240, failure_threshold=1
    )

    assert own.at(80) == NO_PROBE == NO_PROBE.at(80)
    assert ContainerProbe(tcp_socket=TcpSocket()).at(80) != NO_PROBE


def test_probes_and_volumes_are_in_the_fingerprint() -> None:
    volumes: list[dict[str, Volume]] = [
        {},
        {"a": InMemory(mount_path="/a")},
        {"a": InMemory(mount_path="/b")},
    ]
    asked = [a_deploy(volumes=each) for each in volumes] + [
        a_deploy(liveness_probe=ContainerProbe()),
        a_deploy(liveness_probe=ContainerProbe(http_get=HttpGet())),
        a_deploy(liveness_probe=ContainerProbe(grpc=Grpc())),
    ]

    assert len({each.settings.fingerprint() for each in asked}) == len(asked)


# Merging


def merged(message: dict[str, Any], **before: Any) -> Settings:
    named = {name: pairs(value) for name, value in before.items()}
    return merged_settings(a_deploy(**message), with_settings(a_service(), **named).settings)


def test_secrets_are_added_changed_and_removed() -> None:
    message = {
        "update_secrets": {"B": "b:2", "/etc/c": "c:1"},
        "remove_secrets": ["A", "/etc/other/a"],
    }

    left = merged(message, secrets={"A": "a:1", "B": "b:1", "D": "d:1", "/etc/other/a": "a:1"})

    assert left.secrets == pairs({"B": "b:2", "/etc/c": "c:1", "D": "d:1"})
    assert left.env_vars is None, "not named"


def test_a_variable_that_becomes_a_secret_is_none_any_more() -> None:
    message = {"update_secrets": {"A": "a:1"}, "update_env_vars": {"B": "2"}}

    left = merged(message, env_vars={"A": "plain", "C": "3"}, secrets={"B": "b:1"})

    assert left.env_vars == pairs({"B": "2", "C": "3"})
    assert left.secrets == pairs({"A": "a:1"})


def test_variables_that_replace_take_names_from_secrets() -> None:
    left = merged(
        {"env_vars": {"A": "plain"}, "update_secrets": {"B": "b:2"}}, secrets={"A": "a:1"}
    )

    assert (left.env_vars, left.secrets) == (pairs({"A": "plain"}), pairs({"B": "b:2"}))


def test_a_file_that_does_not_fit_beside_those_that_are_there_is_refused() -> None:
    with pytest.raises(InvalidEvent, match=r"files of a and b; .* - at `\$\.update_secrets`"):
        merged({"update_secrets": {"/etc/b": "b:1"}}, secrets={"/etc/a": "a:1"})

    moved = {"update_secrets": {"/etc/b": "b:1"}, "remove_secrets": ["/etc/a"]}
    assert merged(moved, secrets={"/etc/a": "a:1"}).secrets == (("/etc/b", "b:1"),)
