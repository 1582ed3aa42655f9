"""The table of flags: what it says of fields and of policy is what the code does."""

import json
import re
from typing import Any

import click
import pytest
from click.testing import CliRunner

from tests.unit.nouns import MIRRORS, NAME, NOON, RUNTIME
from tools import flags
from transship.cli.flags import message_of, options
from transship.clients.run_template import SETTINGS
from transship.errors import InvalidEvent, Refused
from transship.model.asking import ask_of
from transship.model.messages import DeployRequest, decode_message
from transship.model.policy import admit
from transship.model.policy_document import parse_policy
from transship.model.request import Deploy, deploy_of
from transship.model.run_flags import GCLOUD, RunFlags
from transship.model.settings import Settings

BUCKET = {"type": "cloud-storage", "mount_path": "/a", "bucket": "files"}
EXPORT = {"type": "nfs", "mount_path": "/a", "location": "10.0.0.2:/share"}

# What each field may not say where policy says nothing, and the rule that refuses it.
REFUSED: list[tuple[str, Any, str]] = [
    ("image", "ghcr.io/a/b", "images"),
    ("project", "other-project", "targets"),
    ("allow_unauthenticated", True, "public"),
    ("binary_authorization", "", "breakglass"),
    ("binary_authorization", "projects/p/platforms/cloudRun/lax", "breakglass"),
    ("breakglass", "the site is down", "breakglass"),
    ("cloudsql_instances", ["db"], "volumes.cloudsql_instances"),
    ("cpu", 4, "caps.cpu"),
    ("gpu", 1, "caps.gpu"),
    ("invoker_iam_check", False, "public"),
    ("max", 11, "caps.max_instances"),
    ("max_instances", 11, "caps.max_instances"),
    ("memory", "8Gi", "caps.memory"),
    ("min", 2, "caps.min_instances"),
    ("min_instances", 2, "caps.min_instances"),
    ("network", "default", "networks"),
    ("network", "", "networks"),
    ("network_tags", ["web"], "network_tags"),
    ("scaling", 2, "caps.min_instances"),
    ("secrets", {"A": "key:1"}, "secrets"),
    ("secrets", {"/etc/keys/a": "key:1"}, "secrets"),
    ("service_account", "a@sample-project.iam.gserviceaccount.com", "runtime_accounts"),
    ("subnet", "run", "networks"),
    ("timeout", "2h", "caps.timeout"),
    ("update_secrets", {"A": "key:1"}, "secrets"),
    ("volumes", {"a": BUCKET}, "volumes.buckets"),
    ("volumes", {"a": EXPORT}, "volumes.nfs"),
    ("vpc_connector", "c1", "networks"),
    ("vpc_connector", "", "networks"),
    ("vpc_egress", "private-ranges-only", "networks"),
]
# What needs no permission: fields without a rule, and harmless values of those that have one.
ALLOWED: list[tuple[str, Any]] = [
    ("args", ["-v"]),
    ("binary_authorization", "default"),
    ("command", ["/bin/serve"]),
    ("concurrency", 1000),
    ("cpu_boost", True),
    ("cpu_throttling", False),
    ("default_url", True),
    ("description", "the site"),
    ("env_vars", {"A": "1"}),
    ("execution_environment", "gen2"),
    ("gpu", 0),
    ("gpu_type", "nvidia-l4"),
    ("gpu_zonal_redundancy", True),
    ("ingress", "all"),
    ("invoker_iam_check", True),
    ("labels", {"team": "a"}),
    ("liveness_probe", {"http_get": {}}),
    ("port", 80),
    ("readiness_probe", {"http_get": {}}),
    ("region", "europe-west1"),
    ("remove_env_vars", ["A"]),
    ("remove_secrets", ["A"]),
    ("scaling", "auto"),
    ("secrets", {}),
    ("service", "other"),
    ("session_affinity", True),
    ("startup_probe", {"tcp_socket": {}}),
    ("update_env_vars", {"A": "1"}),
    ("use_http2", True),
    ("volumes", {"a": {"type": "in-memory", "mount_path": "/a"}}),
]


def deploy(**message: Any) -> Deploy:
    request = decode_message(json.dumps({"image": "nginx", **message}).encode())
    assert isinstance(request, DeployRequest)
    return deploy_of(
        request,
        event_id="1",
        published_at=NOON,
        project=NAME.project,
        region=NAME.region,
        runtime_account=RUNTIME,
        mirrors=MIRRORS,
    )


def test_the_committed_table_is_what_the_code_says() -> None:
    assert flags.main(["--check"]) == 0


def test_every_flag_is_a_setting_and_every_setting_has_a_flag() -> None:
    settings = {setting.name for setting in SETTINGS}
    assert settings == set(Settings.__struct_fields__)
    assert settings <= GCLOUD.keys()
    assert list(GCLOUD) == list(RunFlags.__struct_fields__)


def test_the_examples_of_the_page_are_messages() -> None:
    examples = re.findall(r"```json\n(.+?)```", flags.FLAGS.read_text(), re.DOTALL)
    assert examples
    for example in examples:
        deploy(**json.loads(example))


@pytest.mark.parametrize(("field", "value", "rule"), REFUSED)
def test_what_policy_does_not_name_is_refused_by_the_rule_of_the_table(
    field: str, value: Any, rule: str
) -> None:
    with pytest.raises(Refused, match="right is") as refusal:
        admit(parse_policy("{}", project=NAME.project), ask_of(deploy(**{field: value})))

    assert refusal.value.rule == f"policy.{rule}"
    assert rule in flags.POLICY[field]


@pytest.mark.parametrize(("field", "value"), ALLOWED)
def test_what_is_harmless_needs_no_permission(field: str, value: Any) -> None:
    admit(parse_policy("{}", project=NAME.project), ask_of(deploy(**{field: value})))


def test_the_tables_above_cover_every_field() -> None:
    refused, allowed = {field for field, *_ in REFUSED}, {field for field, _ in ALLOWED}
    # The most that there may be is what the default policy allows.
    assert refused | {"concurrency"} == set(flags.POLICY) - {"region"}
    assert refused | allowed == set(RunFlags.__struct_fields__)


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        (["--scaling", "3"], "scaling", 3),
        (["--scaling", "auto"], "scaling", "auto"),
        (
            ["--set-secrets", "A=key:1,/etc/k/f=key:2"],
            "secrets",
            {"A": "key:1", "/etc/k/f": "key:2"},
        ),
        (["--no-cpu-throttling"], "cpu_throttling", False),
        (["--volumes", json.dumps({"a": BUCKET})], "volumes", {"a": BUCKET}),
        (["--startup-probe", "{}"], "startup_probe", {}),
    ],
)
def test_the_command_line_has_every_field_as_a_flag(
    arguments: list[str], field: str, value: Any
) -> None:
    given: dict[str, Any] = {}
    command = click.Command(
        "deploy", params=[*options()], callback=lambda **named: given.update(named)
    )

    result = CliRunner().invoke(command, arguments)

    assert result.exit_code == 0, result.output
    assert json.loads(message_of("nginx", given))[field] == value


def test_a_wrong_flag_is_named_as_it_was_typed() -> None:
    with pytest.raises(InvalidEvent, match="at --set-secrets"):
        message_of("nginx", {"secrets": {"A": "no-version"}})
