"""Policy: every rule allows and refuses, and a refusal names the rule and what would be right."""

import json
import re

import pytest
from msgspec.structs import replace

from transship.errors import Refused
from transship.model.naming import ServiceName
from transship.model.policy import Ask, Policy, admit, admit_image, refuse_target
from transship.model.policy_document import PolicyDocument, parse_policy
from transship.model.policy_reach import Reached
from transship.model.reference import parse_reference

PROJECT = "sample-project"
DEFAULT_COMPUTE = "123456789012-compute@developer.gserviceaccount.com"
DEFAULT_APP_ENGINE = "sample-project@appspot.gserviceaccount.com"
WEB_ACCOUNT = "web@sample-project.iam.gserviceaccount.com"
OWN = f"projects/{PROJECT}"
ASK = Ask(
    reference=parse_reference("dockersamples/static-site"),
    service=ServiceName(project=PROJECT, region="asia-northeast1", service="web"),
)


def policy(**document: object) -> Policy:
    return parse_policy(json.dumps(document), project=PROJECT)


def reaching(**names: object) -> Ask:
    return replace(ASK, reached=Reached(project=PROJECT, **names))  # type: ignore[arg-type] # a table's


def elsewhere(**parts: str) -> ServiceName:
    return replace(ASK.service, **parts)


ALLOWED: list[tuple[dict[str, object], Ask]] = [
    ({}, ASK),
    ({"images": ["ghcr.io/**"]}, replace(ASK, reference=parse_reference("ghcr.io/a/b"))),
    (
        {"images": ["docker.io/library/nginx:1.*", "docker.io/dockersamples/*"]},
        replace(ASK, reference=parse_reference("nginx:1.27")),
    ),
    ({"targets": [{"project": PROJECT, "region": "asia-*"}]}, ASK),
    (
        {"targets": [{"project": PROJECT}, {"project": "other-project", "region": "us-central1"}]},
        replace(ASK, service=elsewhere(project="other-project", region="us-central1")),
    ),
    ({"runtime_accounts": [WEB_ACCOUNT]}, replace(ASK, runtime_account=WEB_ACCOUNT)),
    (
        {"runtime_accounts": [f"*@{PROJECT}.iam.gserviceaccount.com"]},
        replace(ASK, runtime_account=WEB_ACCOUNT),
    ),
    ({"runtime_accounts": [DEFAULT_COMPUTE]}, replace(ASK, runtime_account=DEFAULT_COMPUTE)),
    ({"public": ["web"]}, replace(ASK, public=True)),
    ({"public": ["web-*", "**/services/w*"]}, replace(ASK, public=True)),
    ({"adopt": [f"projects/{PROJECT}/**"]}, replace(ASK, adopt=True)),
    (
        {"caps": {"cpu": "4", "memory": "8Gi", "timeout": "5m", "concurrency": 80}},
        replace(ASK, cpu=4000, memory=2**33, timeout=300, concurrency=80),
    ),
    ({"caps": {"min_instances": 2, "max_instances": 3}}, replace(ASK, min_instances=2)),
    ({"caps": {"min_instances": 0, "max_instances": 3}}, replace(ASK, max_instances=3)),
    ({"caps": {"min_instances": 0}}, replace(ASK, min_instances=0)),
    ({"caps": {"min_instances": 2, "max_instances": 9}}, replace(ASK, min=2, max=9, scaling=2)),
    ({"caps": {"gpu": 1}}, replace(ASK, gpu=1)),
    ({"breakglass": ["web"]}, replace(ASK, breakglass=True)),
    ({}, reaching()),
    ({"secrets": ["web-*"]}, reaching(secrets=(f"{OWN}/secrets/web-key",))),
    ({"secrets": [f"{OWN}/secrets/web-*"]}, reaching(secrets=(f"{OWN}/secrets/web-key",))),
    ({"secrets": ["projects/*/secrets/key"]}, reaching(secrets=("projects/other/secrets/key",))),
    ({"volumes": {"buckets": ["site-*"]}}, reaching(buckets=("site-files",))),
    (
        {"volumes": {"cloudsql_instances": [f"{PROJECT}:*:db"]}},
        reaching(cloudsql_instances=(f"{PROJECT}:asia-northeast1:db",)),
    ),
    ({"volumes": {"nfs": ["10.0.0.2:/**"]}}, reaching(nfs=("10.0.0.2:/share/a",))),
    (
        {"networks": ["default", f"{OWN}/regions/*/subnetworks/run"]},
        reaching(
            networks=(
                f"{OWN}/global/networks/default",
                f"{OWN}/regions/asia-northeast1/subnetworks/run",
            )
        ),
    ),
    ({"networks": ["default"]}, reaching(changes_routes=True)),
    ({"network_tags": ["web"]}, reaching(network_tags=("web",))),
]

REFUSED: list[tuple[str, dict[str, object], Ask, str]] = [
    ("images", {}, replace(ASK, reference=parse_reference("ghcr.io/a/b")), "docker.io/**"),
    ("images", {"images": []}, ASK, "none: the list is empty"),
    (
        "images",
        {"images": ["docker.io/library/nginx:1.*"]},
        replace(ASK, reference=parse_reference("nginx:2")),
        "docker.io/library/nginx:1.*",
    ),
    ("targets", {}, replace(ASK, service=elsewhere(project="other-project")), "sample-project/*"),
    (
        "targets",
        {"targets": [{"project": PROJECT, "region": "europe-*"}]},
        ASK,
        "sample-project/europe-*",
    ),
    ("targets", {"targets": []}, ASK, "none: the list is empty"),
    ("runtime_accounts", {}, replace(ASK, runtime_account=WEB_ACCOUNT), "none: the list is empty"),
    (
        "runtime_accounts",
        {"runtime_accounts": ["web@*"]},
        replace(ASK, runtime_account="db@sample-project.iam.gserviceaccount.com"),
        "web@*",
    ),
    (
        "runtime_accounts",
        {"runtime_accounts": ["*", "**"]},
        replace(ASK, runtime_account=DEFAULT_COMPUTE),
        "listed without wildcards",
    ),
    (
        "runtime_accounts",
        {"runtime_accounts": ["*"]},
        replace(ASK, runtime_account=DEFAULT_APP_ENGINE),
        "listed without wildcards",
    ),
    (
        "runtime_accounts",
        {"runtime_accounts": ["**"]},
        replace(ASK, runtime_account=DEFAULT_COMPUTE.upper()),
        "lower case",
    ),
    ("public", {}, replace(ASK, public=True), "allow_unauthenticated: false"),
    ("public", {"public": ["demo-*"]}, replace(ASK, public=True), "demo-*"),
    (
        "public",
        {"public": ["projects/*/locations/us-*/**"]},
        replace(ASK, public=True),
        "projects/*/locations/us-*/**",
    ),
    ("adopt", {}, replace(ASK, adopt=True), "none: the list is empty"),
    ("adopt", {"adopt": ["legacy"]}, replace(ASK, adopt=True), "legacy"),
    ("caps.cpu", {}, replace(ASK, cpu=2001), "cpu 2001m is over the cap; right is at most 2000m"),
    ("caps.memory", {"caps": {"memory": "1Gi"}}, replace(ASK, memory=2**30 + 1), "at most 1Gi"),
    ("caps.timeout", {"caps": {"timeout": "60"}}, replace(ASK, timeout=61), "at most 60s"),
    ("caps.concurrency", {"caps": {"concurrency": 1}}, replace(ASK, concurrency=2), "at most 1"),
    ("caps.min_instances", {}, replace(ASK, min_instances=2), "at most 1"),
    ("caps.max_instances", {}, replace(ASK, max_instances=11), "at most 10"),
    ("caps.min_instances", {}, replace(ASK, min=2), "min 2 is over the cap"),
    ("caps.min_instances", {}, replace(ASK, scaling=2), "scaling 2 is over the cap"),
    ("caps.max_instances", {}, replace(ASK, max=11), "max 11 is over the cap"),
    ("caps.gpu", {}, replace(ASK, gpu=1), "at most 0"),
    ("breakglass", {"breakglass": ["demo-*"]}, replace(ASK, breakglass=True), "demo-*"),
    ("secrets", {}, reaching(secrets=(f"{OWN}/secrets/key",)), "none: the list is empty"),
    # Of the same name, and of another project.
    ("secrets", {"secrets": ["key"]}, reaching(secrets=("projects/other/secrets/key",)), "key"),
    (
        "secrets",
        {"secrets": ["key"]},
        reaching(secrets=(f"{OWN}/secrets/key", f"{OWN}/secrets/other")),
        "secrets/other is not allowed",
    ),
    ("volumes.buckets", {"volumes": {"buckets": ["a"]}}, reaching(buckets=("b",)), "one of a"),
    (
        "volumes.cloudsql_instances",
        {"volumes": {"cloudsql_instances": [f"{PROJECT}:*"]}},
        reaching(cloudsql_instances=("other:asia-northeast1:db",)),
        f"{PROJECT}:*",
    ),
    ("volumes.nfs", {"volumes": {"nfs": ["a:/*"]}}, reaching(nfs=("a:/b/c",)), "a:/*"),
    (
        "networks",
        {"networks": ["default"]},
        reaching(networks=(f"{OWN}/global/networks/default", "projects/o/global/networks/default")),
        "projects/o/global/networks/default is not allowed",
    ),
    ("networks", {"networks": []}, reaching(changes_routes=True), "a policy with networks"),
    ("network_tags", {"network_tags": ["web"]}, reaching(network_tags=("db",)), "one of web"),
]


@pytest.mark.parametrize(("document", "ask"), ALLOWED)
def test_a_rule_allows(document: dict[str, object], ask: Ask) -> None:
    admit(policy(**document), ask)


@pytest.mark.parametrize(("rule", "document", "ask", "right"), REFUSED)
def test_a_rule_refuses_and_names_itself(
    rule: str, document: dict[str, object], ask: Ask, right: str
) -> None:
    with pytest.raises(Refused) as refusal:
        admit(policy(**document), ask)
    assert refusal.value.rule == f"policy.{rule}"
    assert right in str(refusal.value)
    assert "right is" in str(refusal.value)


@pytest.mark.parametrize(
    "account", ["", "default", "1" * 21, f"projects/-/serviceAccounts/{DEFAULT_COMPUTE}"]
)
def test_an_account_has_no_other_name_than_its_address(account: str) -> None:
    with pytest.raises(Refused, match="right is a service account's e-mail") as refusal:
        admit(policy(runtime_accounts=["**"]), replace(ASK, runtime_account=account))
    assert refusal.value.rule == "policy.runtime_accounts"


def test_the_tables_cover_every_field_of_the_policy() -> None:
    fields = set(PolicyDocument.__struct_fields__)
    assert {rule.partition(".")[0] for rule, *_ in REFUSED} == fields
    assert {field for document, _ in ALLOWED for field in document} == fields


def test_the_first_rule_that_says_no_is_named() -> None:
    everything = replace(
        ASK,
        reference=parse_reference("ghcr.io/a/b"),
        service=elsewhere(project="other-project"),
        public=True,
        cpu=10**6,
    )
    with pytest.raises(Refused) as refusal:
        admit(policy(), everything)
    assert refusal.value.rule == "policy.images"


def test_a_pull_without_a_deployment_passes_the_images_rule() -> None:
    admit_image(policy(), parse_reference("nginx"))
    with pytest.raises(Refused) as refusal:
        admit_image(policy(), parse_reference("ghcr.io/a/b"))
    assert refusal.value.rule == "policy.images"


def test_a_long_list_is_cut_in_the_reason() -> None:
    names = [f"service-{index:03}" for index in range(200)]
    with pytest.raises(Refused) as refusal:
        admit(policy(public=names), replace(ASK, public=True))
    assert "service-009 and 190 more" in str(refusal.value)
    assert "service-010" not in str(refusal.value)


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ("", "truncated"),
        ("[]", "Expected `object`"),
        ('{"image": []}', "unknown field `image`"),
        ('{"images": "docker.io/**"}', "Expected `array`, got `str` - at `$.images`"),
        ('{"images": null}', "Expected `array`, got `null` - at `$.images`"),
        ('{"images": ["docker.io/**", "nginx"]}', "'nginx' names no registry"),
        ('{"images": ["docker.io/**", "nginx"]}', "at `$.images[1]`"),
        ('{"images": [1]}', "at `$.images[0]`"),
        ('{"public": ["a?"]}', "'a?' is wrong"),
        ('{"adopt": ["a**"]}', "at `$.adopt[0]`"),
        ('{"runtime_accounts": [""]}', "at `$.runtime_accounts[0]`"),
        ('{"targets": ["sample-project"]}', "at `$.targets[0]`"),
        ('{"targets": [{"region": "asia-*"}]}', "missing required field `project`"),
        ('{"targets": [{"project": "*"}]}', "the project '*' is wrong"),
        ('{"targets": [{"project": "p", "region": "["}]}', "at `$.targets[0]`"),
        ('{"targets": [{"project": "p", "zone": "a"}]}', "unknown field `zone`"),
        ('{"caps": {"cpu": "lots"}}', "right is a number of CPUs"),
        ('{"caps": {"memory": "4GB"}}', "at `$.caps.memory`"),
        ('{"caps": {"timeout": "1d"}}', "at `$.caps.timeout`"),
        ('{"caps": {"max_instances": 0}}', "at `$.caps.max_instances`"),
        ('{"caps": {"min_instances": -1}}', "at `$.caps.min_instances`"),
        ('{"secrets": ["a b"]}', "at `$.secrets[0]`"),
        ('{"volumes": {"buckets": [""]}}', "at `$.volumes.buckets[0]`"),
        ('{"volumes": {"disks": []}}', "unknown field `disks`"),
        ('{"volumes": ["a"]}', "Expected `object`, got `array` - at `$.volumes`"),
        ('{"networks": ["a**"]}', "at `$.networks[0]`"),
        ('{"caps": {"gpu": -1}}', "at `$.caps.gpu`"),
        ('{"caps": {"tpu": 1}}', "unknown field `tpu`"),
        (json.dumps({"images": ["docker.io/**"] * 201}), "at `$.images`"),
    ],
)
def test_a_wrong_document_stops_the_start_and_names_the_field(document: str, part: str) -> None:
    with pytest.raises(ValueError, match=re.escape(part)):
        parse_policy(document, project=PROJECT)


def test_the_own_project_is_checked_too() -> None:
    with pytest.raises(ValueError, match="the project '123' is wrong"):
        parse_policy("{}", project="123")


@pytest.mark.parametrize(
    ("rule", "labels", "annotations", "is_function"),
    [
        ("target.transship_part", {"transship-part": "deploy-image"}, {}, False),
        ("target.transship_part", {"transship-part": "", "goog-managed-by": "x"}, {}, True),
        ("target.managed", {"goog-managed-by": "cloudfunctions"}, {}, False),
        ("target.managed", {"goog-managed-by": "cloud-functions"}, {}, True),
        ("target.function", {}, {}, True),
        ("target.function", {"goog-cloudfunctions-runtime": "python313"}, {}, False),
        ("target.function", {"goog-drz-cloudfunctions-id": "hello"}, {}, False),
        ("target.function", {}, {"cloudfunctions.googleapis.com/function-id": "hello"}, False),
        ("target.function", {}, {"run.googleapis.com/build-function-target": "hello"}, False),
        ("target.function", {}, {"run.googleapis.com/function-target": "hello"}, False),
    ],
)
def test_a_function_or_a_part_of_transship_is_no_target(
    rule: str, labels: dict[str, str], annotations: dict[str, str], *, is_function: bool
) -> None:
    with pytest.raises(Refused, match="right is another service") as refusal:
        refuse_target(labels, annotations, is_function=is_function)
    assert refusal.value.rule == rule


def test_any_other_service_is_a_target() -> None:
    refuse_target({"team": "web"}, {"transship.dev/tracks": "nginx"}, is_function=False)
