"""Names: what a service may be called, and what it is called when nobody says."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transship.errors import InvalidEvent
from transship.model.naming import (
    ServiceName,
    default_service,
    is_project,
    is_region,
    parse_service_name,
    tracking_label,
)
from transship.model.reference import Reference, parse_reference

NAME = "projects/sample-project/locations/asia-northeast1/services/web"


def named(**parts: str) -> ServiceName:
    known = {"project": "sample-project", "region": "asia-northeast1", "service": "web"}
    return ServiceName(**known | parts)


@pytest.mark.parametrize(
    "text", [NAME, "projects/example.com:my-project/locations/us-central1/services/a"]
)
def test_a_name_is_written_as_it_was_read(text: str) -> None:
    assert str(parse_service_name(text)) == text


def test_the_parts_of_a_name() -> None:
    assert parse_service_name(NAME) == named()
    assert named().parent == "projects/sample-project/locations/asia-northeast1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "web",
        NAME + "/",
        NAME + "/revisions/web-00001",
        "/" + NAME,
        "//run.googleapis.com/" + NAME,
        "namespaces/sample-project/services/web",
        NAME.replace("services", "jobs"),
    ],
)
def test_what_names_no_service_is_refused(text: str) -> None:
    with pytest.raises(InvalidEvent, match="right is projects/PROJECT/locations/REGION/services"):
        parse_service_name(text)


@pytest.mark.parametrize("service", ["a", "a1", "web-1", "a--b", "w" * 49])
def test_a_service_may_be_called(service: str) -> None:
    assert named(service=service).service == service


@pytest.mark.parametrize(
    "service", ["", "1web", "-web", "web-", "Web", "web_1", "web.1", "web\n", "w\u00e9b", "w" * 50]
)
def test_a_service_may_not_be_called(service: str) -> None:
    with pytest.raises(InvalidEvent, match=r"the service .* right are at most 49 lower-case"):
        named(service=service)


@pytest.mark.parametrize(
    "project", ["p", "sample-project", "p" * 30, "example.com:p", "my-org.co.uk:my-project1"]
)
def test_a_project(project: str) -> None:
    assert is_project(project)
    assert named(project=project).project == project


@pytest.mark.parametrize(
    "project",
    ["", "P", "1p", "p-", "p_1", "p\n", "p" * 31, "123456789012", "example:p", "example.com:", "-"],
)
def test_no_project(project: str) -> None:
    assert not is_project(project)
    with pytest.raises(InvalidEvent, match=r"the project .* right is its id"):
        named(project=project)


@pytest.mark.parametrize("region", ["asia-northeast1", "us-central1", "europe-west12"])
def test_a_region(region: str) -> None:
    assert is_region(region)


@pytest.mark.parametrize("region", ["", "-", "us", "asia", "us-central", "us-central1-a", "US-c1"])
def test_no_region(region: str) -> None:
    assert not is_region(region)
    with pytest.raises(InvalidEvent, match=r"the region .* right is for example asia-northeast1"):
        named(region=region)


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("nginx", "nginx"),
        ("dockersamples/static-site", "static-site"),
        ("ghcr.io/a/b/c_d.e__f---g:1", "c-d-e-f-g"),
        ("2048", "s-2048"),
        ("a" * 60, "a" * 40),
        ("a" * 39 + "-b", "a" * 39),
        ("9" * 60, "s-" + "9" * 38),
    ],
)
def test_a_service_is_called_after_its_repository(text: str, service: str) -> None:
    assert default_service(parse_reference(text)) == service


@settings(derandomize=True, deadline=None)
@given(
    st.from_regex(re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*", re.ASCII), fullmatch=True)
)
def test_every_repository_makes_a_valid_name(component: str) -> None:
    reference = Reference(registry="ghcr.io", repository=component[:200].rstrip("._-"), tag="1")
    service = default_service(reference)
    assert named(service=service).service == service
    assert len(service) <= 40


def test_a_tracking_label_is_a_legal_key_and_tells_registries_apart() -> None:
    labels = {
        tracking_label(parse_reference(text).name)
        for text in ("nginx", "nginx:1.27", "ghcr.io/library/nginx")
    }
    assert len(labels) == 2
    assert all(re.fullmatch(r"transship-[0-9a-f]{40}", label) for label in labels)
