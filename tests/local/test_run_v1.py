"""The services as API v1 reads them: all regions or one, by label, in Knative's shape."""

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import grpc
import pytest
from google.cloud import run_v2

from local.run import CloudRun, Fault
from tests.fixtures.operations import finished
from tests.local.run_region import Region, region_of

ACCOUNT = "transship-refresh@sample-project.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def cloud_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudRun]:
    with CloudRun(
        root=tmp_path_factory.mktemp("cloud-run"),
        project_numbers={"sample-project": 123456789012, "other-project": 2},
        containers=False,
        images=False,
    ) as cloud_run:
        with region_of(cloud_run, "docker.io/library/nginx:1.27") as region:
            fill(region)
        yield cloud_run


def fill(region: Region) -> None:
    for project, location, name, labels in (
        ("sample-project", "asia-northeast1", "first", {"team": "blue", "transship-1": "x"}),
        ("sample-project", "europe-west1", "second", {"team": "red", "transship-1": "y"}),
        ("sample-project", "us-central1", "third", {"team": "green"}),
        ("other-project", "us-central1", "fourth", {"team": "blue"}),
    ):
        asked = region.asked()
        asked.labels = labels
        asked.annotations = {"transship.dev/tracks": "docker.io/library/nginx:1.27"}
        finished(
            region.services.create_service(
                parent=f"projects/{project}/locations/{location}", service=asked, service_id=name
            )
        )


def listed(cloud_run: CloudRun, *, project: str = "sample-project", **query: str) -> Any:
    path = f"/apis/serving.knative.dev/v1/namespaces/{project}/services"
    request = urllib.request.Request(
        f"{cloud_run.v1_url}{path}?{urlencode(query)}",
        headers={"Authorization": f"Bearer ya29.local.{ACCOUNT}"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def names(document: Any) -> list[str]:
    return sorted(item["metadata"]["name"] for item in document["items"])


def test_services_of_all_regions_are_listed(cloud_run: CloudRun) -> None:
    document = listed(cloud_run)
    assert names(document) == ["first", "second", "third"]
    assert {
        item["metadata"]["labels"]["cloud.googleapis.com/location"] for item in document["items"]
    } == {"asia-northeast1", "europe-west1", "us-central1"}


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("team=blue", ["first"]),
        ("team==blue", ["first"]),
        ("team!=blue", ["second", "third"]),
        ("team in (blue, red)", ["first", "second"]),
        ("team notin (blue,red)", ["third"]),
        ("transship-1", ["first", "second"]),
        ("!transship-1", ["third"]),
        ("transship-1,team=red", ["second"]),
        ("cloud.googleapis.com/location=us-central1", ["third"]),
        ("team in (blue,red),!other", ["first", "second"]),
        ("missing", []),
        ("", ["first", "second", "third"]),
    ],
)
def test_labels_select(cloud_run: CloudRun, selector: str, found: list[str]) -> None:
    assert names(listed(cloud_run, labelSelector=selector)) == found


@pytest.mark.parametrize("selector", ["=x", "team in blue", "team=a b", "(team)"])
def test_a_selector_that_is_none_is_refused(cloud_run: CloudRun, selector: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        listed(cloud_run, labelSelector=selector)


def test_the_list_comes_in_pages(cloud_run: CloudRun) -> None:
    first = listed(cloud_run, limit="2")
    rest = listed(cloud_run, limit="2", **{"continue": first["metadata"]["continue"]})
    assert sorted(names(first) + names(rest)) == ["first", "second", "third"]
    assert "continue" not in rest["metadata"]


def test_a_service_has_knatives_shape(cloud_run: CloudRun) -> None:
    (item,) = listed(cloud_run, labelSelector="team=blue")["items"]
    with region_of(cloud_run, "") as region:
        same = region.services.get_service(name=f"{region.parent}/services/first")
    assert item["metadata"]["namespace"] == "sample-project"
    assert item["metadata"]["annotations"]["transship.dev/tracks"] == "docker.io/library/nginx:1.27"
    (container,) = item["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "docker.io/library/nginx:1.27"
    assert item["status"]["url"] == same.uri
    assert item["status"]["latestReadyRevisionName"] == same.latest_ready_revision.split("/")[-1]
    assert item["status"]["traffic"][0]["percent"] == 100
    assert {c["type"]: c["status"] for c in item["status"]["conditions"]}["Ready"] == "True"


def test_gclouds_address_answers_for_one_region_or_all(cloud_run: CloudRun) -> None:
    for location, found in (("-", ["first", "second", "third"]), ("europe-west1", ["second"])):
        url = f"{cloud_run.v1_url}/v1/projects/sample-project/locations/{location}/services"
        headers = {"Authorization": f"Bearer ya29.local.{ACCOUNT}"}
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            assert names(json.load(response)) == found


def got(cloud_run: CloudRun, host: str, path: str) -> Any:
    headers = {"Authorization": f"Bearer ya29.local.{ACCOUNT}", "Host": host}
    request = urllib.request.Request(f"{cloud_run.v1_url}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def test_a_regions_own_host_knows_the_regions_services_alone(cloud_run: CloudRun) -> None:
    path = "/apis/serving.knative.dev/v1/namespaces/sample-project/services"
    host = "europe-west1-127.0.0.1"
    assert names(got(cloud_run, host, path)) == ["second"]
    assert got(cloud_run, host, f"{path}/second") in listed(cloud_run)["items"]
    with pytest.raises(urllib.error.HTTPError, match="404"):
        got(cloud_run, host, f"{path}/first")


def test_a_single_service_is_asked_of_its_region(cloud_run: CloudRun) -> None:
    path = "/apis/serving.knative.dev/v1/namespaces/sample-project/services/first"
    with pytest.raises(urllib.error.HTTPError, match="400"):
        got(cloud_run, "127.0.0.1", path)


def test_a_caller_without_a_local_token_is_refused(cloud_run: CloudRun) -> None:
    url = f"{cloud_run.v1_url}/apis/serving.knative.dev/v1/namespaces/sample-project/services"
    for headers in ({}, {"Authorization": "Bearer ya29.another"}):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, "403"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "429"),
        (grpc.StatusCode.UNAVAILABLE, "503"),
    ],
)
def test_a_fault_is_answered_once_as_its_status(
    cloud_run: CloudRun, code: grpc.StatusCode, status: str
) -> None:
    cloud_run.inject(Fault(method="v1.ListServices", code=code))
    with pytest.raises(urllib.error.HTTPError, match=status):
        listed(cloud_run)
    assert names(listed(cloud_run)) == ["first", "second", "third"]


def test_an_unknown_project_is_forbidden(cloud_run: CloudRun) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        listed(cloud_run, project="somebody-elses")


def test_anything_else_is_not_implemented(
    cloud_run: CloudRun, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(urllib.error.HTTPError, match="501"):
        urllib.request.urlopen(f"{cloud_run.v1_url}/apis/run.googleapis.com/v1/jobs", timeout=10)
    assert "not implemented here" in caplog.text


def test_a_parameter_that_it_does_not_know_is_refused(cloud_run: CloudRun) -> None:
    with pytest.raises(urllib.error.HTTPError, match="501"):
        listed(cloud_run, labelSelecter="transship-1")


def test_the_caller_is_in_the_journal(cloud_run: CloudRun) -> None:
    cloud_run.journal.forget_calls()
    listed(cloud_run)
    (call,) = cloud_run.calls()
    assert (call.method, call.principal) == ("v1.ListServices", ACCOUNT)


def test_a_service_that_failed_is_not_ready(cloud_run: CloudRun) -> None:
    image = "docker.io/library/never:listens"
    cloud_run.behaviour.unhealthy_images.add(image)
    with region_of(cloud_run, image) as region:
        asked = run_v2.Service(region.asked(), labels={"failed": "yes"})
        operation = region.services.create_service(
            parent=region.parent, service=asked, service_id="failed"
        )
        with pytest.raises(Exception, match="not ready"):
            finished(operation)
        (item,) = listed(cloud_run, labelSelector="failed")["items"]
        assert {c["type"]: c["status"] for c in item["status"]["conditions"]}["Ready"] == "False"
        finished(region.services.delete_service(name=f"{region.parent}/services/failed"))


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="needs gcloud")
def test_gcloud_lists_the_services_of_all_regions(cloud_run: CloudRun, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"ya29.local.{ACCOUNT}")
    listed = subprocess.run(
        ["gcloud", "run", "services", "list", "--format=value(metadata.name)"],
        env={
            "HOME": str(tmp_path),
            "PATH": os.environ["PATH"],
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": f"{cloud_run.v1_url}/",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
            "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_CORE_PROJECT": "sample-project",
        },
        capture_output=True,
        check=True,
        text=True,
        timeout=100,
    )
    assert sorted(listed.stdout.split()) == ["first", "second", "third"]
