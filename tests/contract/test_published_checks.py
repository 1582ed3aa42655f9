"""What is not as Google publishes it is told, or the definitions would hold nothing."""

from typing import Any

import pytest

from tests.fixtures.definition_client import of_error
from tests.fixtures.published import Definition

SERVICE = "/apis/serving.knative.dev/v1/namespaces/sample-project/services"
MIRROR = "/v1/projects/sample-project/locations/asia-northeast1/repositories/docker"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"items": [{"metadata": {"nmae": "hello"}}]}, "answer.items[0].metadata.nmae is not"),
        ({"items": {}}, "answer.items: expected array, got dict"),
        ({"items": [{"metadata": {"generation": "1"}}]}, "expected integer, got str"),
        ({"items": [{"metadata": {"generation": True}}]}, "expected integer, got bool"),
        ({"items": [{"metadata": {"generation": 2**31}}]}, "is no int32"),
        ({"items": [{"metadata": {"creationTimestamp": "2026-01-01"}}]}, "is no google-datetime"),
        (
            {"items": [{"metadata": {"creationTimestamp": "2026-13-01T00:00:00Z"}}]},
            "is no google-datetime",
        ),
        ({"items": [{"metadata": {"labels": {"a": 1}}}]}, "labels['a']: expected string"),
        ({"items": [None]}, "answer.items[0]: expected object, got NoneType"),
    ],
)
def test_a_body_that_is_not_as_published_is_told(body: Any, complaint: str) -> None:
    (said,) = Definition("run.v1").of_answer("GET", SERVICE, body)
    assert complaint in said


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"mode": "REMOTE"}, "'REMOTE' is none of"),
        ({"sizeBytes": 5}, "expected string, got int"),
        ({"sizeBytes": "five"}, "is no int64"),
        ({"cleanupPolicies": {"a": {"condition": {"olderThan": "5"}}}}, "is no google-duration"),
    ],
)
def test_enums_and_formats_are_looked_at(body: Any, complaint: str) -> None:
    (said,) = Definition("artifactregistry.v1").of_answer("GET", MIRROR, body)
    assert complaint in said


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        (f"{SERVICE}?labelSelecter=a", "declares no parameter 'labelSelecter'"),
        (f"{SERVICE}?limit=many", "'many' is no integer"),
        (f"{SERVICE}?watch=1", "'1' is no boolean"),
        (f"{SERVICE}?alt=yaml", "'yaml' is none of"),
        (f"{SERVICE}s", "no method is GET"),
    ],
)
def test_a_request_that_nobody_published_is_told(target: str, complaint: str) -> None:
    (said,) = Definition("run.v1").of_request("GET", target)
    assert complaint in said


def test_a_body_of_a_request_is_looked_at_as_well() -> None:
    topic = "/v1/projects/sample-project/topics/outcomes:publish"
    message = {"data": "not base64", "attribute": {}}
    said = Definition("pubsub.v1").of_request("POST", topic, {"messages": [message]})
    assert len(said) == 2
    assert "is no byte" in said[0]
    assert "attribute is not declared" in said[1]
    assert Definition("run.v1").of_request("GET", SERVICE, {}) == [
        "run.namespaces.services.list takes no body"
    ]


def test_a_refusal_that_is_not_as_published_is_told() -> None:
    assert of_error(404, {"error": {"code": 404, "message": "none", "status": "NOT_FOUND"}}) == []
    assert len(of_error(404, {"error": {"code": 400, "status": "NOT FOUND", "why": ""}})) == 4
