"""Hints: what says that a tag may have moved, what says nothing, and what is none of ours."""

import json
from typing import Any

import pytest

from tests.fixtures.events import event
from transship.errors import InvalidEvent
from transship.model.hints import HINT_LIMIT, Hint, Ignored, hint_of
from transship.model.mirror import Mirrors, parse_mirrors
from transship.model.reference import parse_reference

MIRRORS = parse_mirrors("docker.io=asia-northeast1-docker.pkg.dev/sample-project/docker")
GCR_MIRRORS = parse_mirrors("docker.io=us-west1-docker.pkg.dev/my-project/my-repo")
BUILD_MIRRORS = parse_mirrors("docker.io=europe-west2-docker.pkg.dev/sample-project/gcf-artifacts")
DEPLOYER = "transship-deploy@sample-project.iam.gserviceaccount.com"
SITE = parse_reference("dockersamples/static-site:latest")
DIGEST = "sha256:" + "a" * 64

REPOSITORY = "projects/sample-project/locations/asia-northeast1/repositories/docker"


def said(document: object, mirrors: Mirrors = MIRRORS) -> Hint | Ignored:
    return hint_of(json.dumps(document).encode(), mirrors, frozenset({DEPLOYER}))


def entry(
    *,
    url: str = "/v2/sample-project/docker/dockersamples/static-site/manifests/latest",
    name: str = f"{REPOSITORY}/dockerImages/dockersamples%2Fstatic-site",
    **payload: object,
) -> dict[str, Any]:
    """A successful read of the site's tag, with what is named otherwise."""
    document = event("synthetic_audit_get_manifest_by_tag")
    document["protoPayload"] |= {"resourceName": name, **payload}
    document["protoPayload"]["request"]["requestUrl"] = url
    return document


def read_by(principal: str) -> dict[str, Any]:
    return entry(authenticationInfo={"principalEmail": principal})


@pytest.mark.parametrize(
    "name",
    [
        "synthetic_audit_get_manifest_by_tag",
        "synthetic_audit_get_manifest_by_tag_with_digest",
        "synthetic_audit_head_manifest_by_tag",
        "synthetic_audit_put_manifest",
        "synthetic_audit_split_with_request",
    ],
)
def test_an_audit_entry_that_names_a_tag_is_a_hint(name: str) -> None:
    hint = said(event(name))

    assert isinstance(hint, Hint)
    assert (hint.image, hint.origin) == (SITE, "audit")
    assert hint.at is not None
    assert hint.at.isoformat().startswith(event(name)["timestamp"][:19])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("audit_get_manifest_by_digest_not_found", Ignored.FAILED),
        ("audit_head_manifest_by_tag_not_found", Ignored.FAILED),
        ("audit_start_upload", Ignored.METHOD),
        ("synthetic_audit_get_manifest_by_digest", Ignored.NO_TAG),
        ("synthetic_audit_split_without_request", Ignored.NO_TAG),
    ],
)
def test_an_audit_entry_that_says_nothing_about_a_tag_is_ignored(name: str, why: Ignored) -> None:
    assert said(event(name)) is why


def test_the_bigquery_sample_is_ignored_by_its_method() -> None:
    assert said(event("cloudevent_bigquery_structured")["data"]) is Ignored.METHOD


@pytest.mark.parametrize(
    "name",
    [
        REPOSITORY,
        f"/{REPOSITORY}",
        f"{REPOSITORY}/dockerImages/dockersamples%2Fstatic-site",
        f"/{REPOSITORY}/dockerImages/dockersamples%2Fstatic-site",
        f"{REPOSITORY}/dockerImages/dockersamples%2Fstatic-site@{DIGEST}",
        f"{REPOSITORY}/dockerImages/dockersamples/static-site@{DIGEST}",
    ],
)
def test_every_shape_of_the_resource_name_is_understood(name: str) -> None:
    hint = said(entry(name=name))

    assert isinstance(hint, Hint)
    assert hint.image == SITE


@pytest.mark.parametrize(
    ("url", "image"),
    [
        ("/v2/sample-project/docker/library/nginx/manifests/1.25", "nginx:1.25"),
        ("/v2/sample-project/docker/library%2Fnginx/manifests/1.2", "nginx:1.2"),
        ("/v2/sample-project/docker/nginx/manifests/1.2", "nginx:1.2"),
        ("/v2/sample-project/docker/a/manifests/b/manifests/c", "a/manifests/b:c"),
        ("/v2/sample-project/docker/nginx/manifests/1.2?ns=docker.io", "nginx:1.2"),
        (
            "https://asia-northeast1-docker.pkg.dev/v2/sample-project/docker/nginx/manifests/1.2",
            "nginx:1.2",
        ),
    ],
)
def test_the_tag_comes_from_the_whole_request_url(url: str, image: str) -> None:
    hint = said(entry(url=url))

    assert isinstance(hint, Hint)
    assert hint.image == parse_reference(image)


@pytest.mark.parametrize(
    "url",
    [
        f"/v2/sample-project/docker/nginx/manifests/{DIGEST}",
        f"/v2/sample-project/docker/nginx/manifests/{DIGEST.replace(':', '%3A')}",
        "/v2/sample-project/docker/nginx/manifests/",
        "/v2/sample-project/docker/nginx/tags/list",
        "/v2/sample-project/docker/nginx/manifests/1.2/more",
        "",
    ],
)
def test_a_request_url_without_a_tag_is_ignored(url: str) -> None:
    assert said(entry(url=url)) is Ignored.NO_TAG


@pytest.mark.parametrize(
    "url",
    [
        "/v2/sample-project/docker-2/nginx/manifests/1.2",
        "/v2/other-project/docker/nginx/manifests/1.2",
        "/v2/sample-project/gcf-artifacts/sample--project__europe--west2__receipt/manifests/latest",
        "/v2/sample-project/other/No_Image_Of_OURS/manifests/latest",
    ],
)
def test_another_repository_is_ignored_whatever_its_names(url: str) -> None:
    assert said(entry(url=url)) is Ignored.REPOSITORY


def test_the_same_repository_in_another_location_is_ignored() -> None:
    name = "projects/sample-project/locations/us/repositories/docker"

    assert said(entry(name=name)) is Ignored.REPOSITORY


def test_a_build_image_is_no_hint_even_where_its_repository_is_a_mirror() -> None:
    document = event("audit_head_manifest_by_tag_not_found")
    document["protoPayload"]["status"] = {}

    assert said(document, BUILD_MIRRORS) is Ignored.PRINCIPAL


@pytest.mark.parametrize(
    "method",
    [
        "Docker-ServeBlob",
        "Docker-EmptyTarBlob",
        "Docker-GetTags",
        "Docker-GetEmptyTags",
        "Docker-HeadBlob",
        "Docker-HeadEmptyTarBlob",
        "Docker-DeleteTag",
        "VirtualRepo-Auth",
    ],
)
def test_other_methods_are_ignored_under_their_old_names_and_their_new_ones(method: str) -> None:
    assert said(entry(methodName=method)) is Ignored.METHOD


@pytest.mark.parametrize(
    "principal",
    [
        DEPLOYER,
        "service-123456789012@serverless-robot-prod.iam.gserviceaccount.com",
        "service-123456789012@container-analysis.iam.gserviceaccount.com",
        "123456789012@cloudbuild.gserviceaccount.com",
        "service-123456789012@gcp-sa-cloudbuild.iam.gserviceaccount.com",
    ],
)
def test_bystanders_and_the_deployer_are_ignored(principal: str) -> None:
    assert said(read_by(principal)) is Ignored.PRINCIPAL


@pytest.mark.parametrize(
    "principal",
    [
        "transship-warm@sample-project.iam.gserviceaccount.com",
        "service-123456789012@gcp-sa-artifactregistry.iam.gserviceaccount.com",
        "not-transship-deploy@sample-project.iam.gserviceaccount.com",
        "",
    ],
)
def test_the_warmer_and_whoever_refreshes_the_mirror_are_heard(principal: str) -> None:
    assert isinstance(said(read_by(principal)), Hint)


@pytest.mark.parametrize("status", [{}, {"code": 0}, None])
def test_an_entry_without_a_status_code_has_succeeded(status: object) -> None:
    assert isinstance(said(entry(status=status)), Hint)


@pytest.mark.parametrize("code", [5, 7, 8, 14])
def test_an_entry_of_a_failure_is_ignored(code: int) -> None:
    assert said(entry(status={"code": code})) is Ignored.FAILED


def test_a_part_of_a_split_entry_without_its_payload_is_ignored() -> None:
    part = event("synthetic_audit_split_without_request")
    del part["protoPayload"]

    assert said(part) is Ignored.METHOD


def test_an_insertion_with_a_tag_is_a_hint() -> None:
    hint = said(event("gcr_insert_digest_and_tag"), GCR_MIRRORS)

    assert hint == Hint(image=parse_reference("hello-world:1.1"), origin="gcr")


@pytest.mark.parametrize(
    ("name", "why"),
    [("gcr_insert_digest", Ignored.NO_TAG), ("gcr_delete_tag", Ignored.DELETED)],
)
def test_a_gcr_message_without_a_new_tag_is_ignored(name: str, why: Ignored) -> None:
    assert said(event(name), GCR_MIRRORS) is why


def test_a_gcr_message_of_another_repository_is_ignored() -> None:
    assert said(event("gcr_insert_digest_and_tag")) is Ignored.REPOSITORY


@pytest.mark.parametrize(
    "tag",
    ["sha256-59d78.sig", f"sha256-{'a' * 64}.att", f"sha256-{'a' * 64}.sbom", "sha256-" + "a" * 64],
)
def test_signatures_and_attestations_are_ignored(tag: str) -> None:
    message = {"action": "INSERT", "tag": f"us-west1-docker.pkg.dev/my-project/my-repo/x:{tag}"}

    assert said(message, GCR_MIRRORS) is Ignored.ARTIFACT


def test_the_webhooks_hint_is_understood() -> None:
    message = {"kind": "hint", "image": str(SITE), "origin": "webhook"}

    assert said(message) == Hint(image=SITE, origin="webhook")


def test_a_hint_by_digest_names_no_tag() -> None:
    message = {"kind": "hint", "image": f"nginx:1.27@{DIGEST}", "origin": "webhook"}

    assert said(message) is Ignored.NO_TAG


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b"{}",
        b'{"image": "nginx"}',
        b'{"kind": "deploy", "image": "nginx"}',
        b'{"kind": "hint", "image": "no image"}',
        b'{"kind": "hint", "image": "nginx", "origin": "rumour"}',
        b'{"action": 1}',
        b'{"protoPayload": {"methodName": 5}}',
        b'{"protoPayload": {}, "timestamp": "2024-07-04T23:50:15"}',
        b'{"action": "' + b"x" * HINT_LIMIT + b'"}',
    ],
)
def test_what_is_no_hint_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidEvent, match="hint"):
        hint_of(data, MIRRORS, frozenset())
