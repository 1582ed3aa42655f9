"""infra/ as it stands, read without Terraform: what fails silently, and what the code expects.

The same facts and more are asserted on a plan by infra/tests/, where a terraform is installed.
"""

import ast
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tools.terraform import readme, roles, rules
from tools.terraform.configuration import Configuration, Declared
from transship.config import Config
from transship.model.dead_letter import topic_again
from transship.model.policy import PART_LABEL
from transship.model.policy_document import PolicyDocument

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
EXAMPLES = sorted((INFRA / "examples").iterdir())


@pytest.fixture(scope="module")
def infra() -> Configuration:
    return Configuration.read(INFRA)


@pytest.fixture(scope="module")
def functions(infra: Configuration) -> dict[str, dict[str, Any]]:
    declared: dict[str, dict[str, Any]] = infra.local_values()["all_functions"]
    return declared


def resource(infra: Configuration, address: str) -> Declared:
    return next(d for d in infra.declared() if d.address == address)


def test_every_grant_is_on_the_list(infra: Configuration) -> None:
    assert roles.complaints(infra, INFRA / "roles.md") == []


def test_it_is_told_who_holds_a_role(infra: Configuration) -> None:
    """By name, by the words of a loop, or by what the functions say of themselves."""
    held = roles.holders(infra)

    assert held["google_project_iam_member.deployer"] == {"deploy"}
    assert held["google_project_iam_member.watcher"] == {"advance", "refresh", "warm"}
    assert held["google_secret_manager_secret_iam_member.function"] == {
        "console", "deploy", "notify", "refresh", "warm", "webhook",
    }  # fmt: skip
    # Google's own agents are no functions.
    assert "google_pubsub_topic_iam_member.dead_letter" not in held


def test_the_readme_is_up_to_date(infra: Configuration) -> None:
    assert readme.complaints(INFRA / "README.md", infra) == []


@pytest.mark.parametrize("folder", [INFRA, *EXAMPLES], ids=lambda folder: folder.name)
def test_a_reviewer_would_refuse_nothing(folder: Path) -> None:
    assert rules.complaints(Configuration.read(folder)) == []


def test_data_access_logs_are_switched_on(infra: Configuration) -> None:
    audit = resource(infra, "google_project_iam_audit_config.registry").body

    assert audit["service"] == "artifactregistry.googleapis.com"
    assert {c["log_type"] for c in audit["audit_log_config"]} == {"DATA_READ", "DATA_WRITE"}


def test_dead_letters_have_a_subscription(infra: Configuration) -> None:
    kept = resource(infra, "google_pubsub_subscription.dead_letter").body
    (dynamic,) = resource(infra, "google_pubsub_subscription.push").body["dynamic"]
    given_up = dynamic["dead_letter_policy"]["for_each"]

    assert kept["topic"].removeprefix("${").removesuffix("}") in given_up
    assert kept["expiration_policy"][0]["ttl"] == ""


def test_no_function_outlives_its_acknowledgement_deadline(
    infra: Configuration, functions: dict[str, dict[str, Any]]
) -> None:
    deadline = infra.local_values()["ack_deadline_seconds"]

    assert deadline <= 600
    assert all(f["timeout_seconds"] < deadline for f in functions.values() if f["subscribes"])


@pytest.mark.parametrize(("job", "kind"), [("sweep", "sweep"), ("rollouts", "tick")])
def test_a_tick_has_data(infra: Configuration, job: str, kind: str) -> None:
    """One without is refused by functions-framework for ever."""
    target = resource(infra, f"google_cloud_scheduler_job.{job}").body["pubsub_target"][0]

    assert re.sub(r"\s", "", target["data"]) == f'${{base64encode(jsonencode({{kind="{kind}"}}))}}'


def test_topics_are_known_and_every_topic_with_work_is_heard(
    infra: Configuration, functions: dict[str, dict[str, Any]]
) -> None:
    topics = set(infra.local_values()["topics"])
    heard = {topic for f in functions.values() for topic in f["subscribes"]}
    published = {topic for f in functions.values() for topic in f["publishes"]}

    assert published <= topics
    assert heard <= topics | {"gcr"}
    # Progress is for whoever listens.
    assert topics - heard == {"progress"}


def test_every_variable_of_a_function_has_a_value_and_every_value_a_function(
    infra: Configuration, functions: dict[str, dict[str, Any]]
) -> None:
    values = set(infra.local_values()["settings"])
    wanted = {variable for f in functions.values() for variable in f["environment"]}

    assert wanted == values
    for function in functions.values():
        assert function["environment"] == sorted(function["environment"])


def test_a_topic_that_a_function_is_told_of_is_one_it_may_publish_to(
    functions: dict[str, dict[str, Any]],
) -> None:
    for name, function in functions.items():
        told = {
            variable.removeprefix("TRANSSHIP_").removesuffix("_TOPIC").lower().replace("_", "-")
            for variable in function["environment"]
            if variable.endswith("_TOPIC")
        }
        # Where outcomes go is known to all; who may publish some is another matter.
        may = set(function["publishes"])
        if name == "console":
            # It replays dead letters to the topic they were on, or to the one that stands for it.
            heard = {topic for f in functions.values() for topic in f["subscribes"]}
            replayed = {
                topic_again(f"projects/P/topics/{name if name == 'gcr' else f'transship-{name}'}")
                .rpartition("/")[2]
                .removeprefix("transship-")
                for name in heard - {"dead-letter"}
            }
            assert replayed <= may
            may -= replayed - {"deploy"}
        assert told - {"outcomes"} == may - {"outcomes"}, name


def test_every_entry_point_is_deployed_and_nothing_else_is(
    functions: dict[str, dict[str, Any]],
) -> None:
    tree = ast.parse((ROOT / "main.py").read_text())
    entry_points = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any("functions_framework" in ast.unparse(d) for d in node.decorator_list)
    }

    assert entry_points == functions.keys()


class Recorded(dict[str, str]):
    """An environment that knows which variables were asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


# What Terraform writes for a project of its own, beside the lists that are empty by default.
WRITTEN = {
    "TRANSSHIP_CONSOLE_AUDIENCE": (
        "/projects/123456789012/locations/asia-northeast1/services/transship-console"
    ),
    "TRANSSHIP_CONSOLE_AUTH": "iap",
    "TRANSSHIP_CONSOLE_KEYS": "sample-key-of-more-than-twenty",
    "TRANSSHIP_CONSOLE_OPERATORS": "ada@example.com",
    "TRANSSHIP_CONSOLE_VIEWERS": "@example.com",
    "TRANSSHIP_DEADLINE_SECONDS": "480",
    "TRANSSHIP_DEAD_LETTER_TOPIC": "projects/sample-project/topics/transship-dead-letter",
    "TRANSSHIP_DEPLOYS_PER_HOUR": "6",
    "TRANSSHIP_DEPLOY_TOPIC": "projects/sample-project/topics/transship-deploy",
    "TRANSSHIP_HINTS_TOPIC": "projects/sample-project/topics/transship-hints",
    "TRANSSHIP_IGNORED_PRINCIPALS": "transship-deploy@sample-project.iam.gserviceaccount.com",
    "TRANSSHIP_MAX_IMAGE_BYTES": "10737418240",
    "TRANSSHIP_MIRRORS": "docker.io=asia-northeast1-docker.pkg.dev/sample-project/docker",
    "TRANSSHIP_NOTICES_TOPIC": "projects/sample-project/topics/transship-notices",
    "TRANSSHIP_NOTIFY": '[{"name": "ops", "kind": "slack", "url": "https://hooks.slack.com/x"}]',
    "TRANSSHIP_OUTCOMES_TOPIC": "projects/sample-project/topics/transship-outcomes",
    "TRANSSHIP_PAUSED": "false",
    "TRANSSHIP_PLATFORM": "linux/amd64",
    "TRANSSHIP_POLICY": (
        '{"adopt":[],"breakglass":[],"caps":{"concurrency":1000,"cpu":"2","gpu":0,'
        '"max_instances":10,"memory":"4Gi","min_instances":1,"timeout":"3600s"},'
        '"images":["docker.io/**"],"network_tags":[],"networks":[],"public":[],'
        '"runtime_accounts":["transship-runtime@sample-project.iam.gserviceaccount.com"],'
        '"secrets":[],"targets":[{"project":"sample-project","region":"asia-northeast1"}],'
        '"volumes":{"buckets":[],"cloudsql_instances":[],"nfs":[]}}'
    ),
    "TRANSSHIP_PROGRESS_TOPIC": "projects/sample-project/topics/transship-progress",
    "TRANSSHIP_PROJECT": "sample-project",
    "TRANSSHIP_QUOTA_FLOOR": "20",
    "TRANSSHIP_REDEPLOY_TOPIC": "projects/sample-project/topics/transship-redeploy",
    "TRANSSHIP_REGION": "asia-northeast1",
    "TRANSSHIP_RUNTIME_ACCOUNT": "transship-runtime@sample-project.iam.gserviceaccount.com",
    "TRANSSHIP_TICK_SECONDS": "600",
    "TRANSSHIP_UPSTREAM_CREDENTIALS": '{"docker.io": {"username": "u", "password": "p"}}',
    "TRANSSHIP_UPSTREAM_RATE": "5",
    "TRANSSHIP_WARM_TOPIC": "projects/sample-project/topics/transship-warm",
    "TRANSSHIP_WEBHOOK_SECRETS": "sample-secret-of-twenty",
}


def given(function: dict[str, Any]) -> set[str]:
    return {*function["environment"], *function["secrets"]}


def test_each_function_starts_with_what_terraform_gives_it(
    functions: dict[str, dict[str, Any]],
) -> None:
    for name, function in functions.items():
        variables = {v: WRITTEN[v] for v in given(function) if v in WRITTEN}
        Config.from_env({**variables, "FUNCTION_TARGET": name, "K_SERVICE": "transship"})


def test_the_code_reads_the_variables_that_terraform_gives_and_no_others(
    functions: dict[str, dict[str, Any]],
) -> None:
    env = Recorded(WRITTEN)
    Config.from_env(env)

    read = {
        name
        for name in env.asked
        if name.startswith("TRANSSHIP_") and not name.startswith("TRANSSHIP_LOCAL_")
    }
    assert {variable for f in functions.values() for variable in given(f)} == read


def defaults(type_: ast.expr) -> Any:
    """What an ``object({name = optional(type, default)})`` is where nothing is said.

    >>> defaults(_expression("${object({cpu = optional(string, '2')})}"))
    {'cpu': '2'}
    """
    assert isinstance(type_, ast.Call), ast.unparse(type_)
    inner = type_.args[0]
    if isinstance(inner, ast.Dict):
        named = zip(inner.keys, inner.values, strict=True)
        return {ast.literal_eval(key): defaults(value) for key, value in named if key}
    is_object = isinstance(inner, ast.Call) and ast.unparse(inner.func) == "object"
    return defaults(inner) if is_object else ast.literal_eval(type_.args[1])


def _expression(text: str) -> ast.expr:
    """Terraform's type constraint, which is Python's expression but for the equals signs."""
    text = re.sub(r"(\w+) = ", r'"\1": ', text.removeprefix("${").removesuffix("}"))
    return ast.parse(text, mode="eval").body


def test_the_policy_has_the_fields_and_defaults_that_the_code_has(infra: Configuration) -> None:
    (policy,) = (v for v in infra.variables() if v.name == "policy")
    document = msgspec.json.decode(msgspec.json.encode(PolicyDocument()))

    # Who and where are said by other variables (settings.tf).
    written = infra.local_values()["settings"]["TRANSSHIP_POLICY"]
    said_elsewhere = re.findall(r"(\w+) = (?:sort|flatten)\(", written)
    assert said_elsewhere == ["runtime_accounts", "targets"]
    assert document.pop("runtime_accounts") == []
    assert defaults(_expression(policy.body["type"])) == document


def test_the_functions_carry_the_label_that_keeps_deploys_away(infra: Configuration) -> None:
    labels = resource(infra, "google_cloudfunctions2_function.function").body["labels"]

    assert f"{PART_LABEL} = " in labels
