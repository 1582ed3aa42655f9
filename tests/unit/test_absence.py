"""What is not there is said in the words of whoever asked for it."""

import pytest

from transship.clients.absence import absent
from transship.errors import AccessDenied, ImageNotFound
from transship.model.reference import parse_reference

HUB = "registry-1.docker.io"
DIGEST = f"sha256:{'0' * 64}"


def said(status: int, image: str, *, host: str = HUB, path: str = "manifests/x") -> str:
    return str(absent(status, host, parse_reference(image), path) or "")


def test_a_repository_that_docker_hub_does_not_know_may_be_private() -> None:
    error = absent(401, HUB, parse_reference("nosuch"), "manifests/latest")
    assert isinstance(error, AccessDenied)
    assert str(error).startswith(
        "docker.io/library/nosuch does not exist on Docker Hub, or is private"
        " (registry-1.docker.io answers 401)"
    )


def test_a_tag_that_is_not_there_is_told_with_how_to_see_those_that_are() -> None:
    error = absent(404, HUB, parse_reference("nginx:nosuch"), "manifests/nosuch")
    assert isinstance(error, ImageNotFound)
    assert str(error) == (
        "docker.io/library/nginx has no tag nosuch on Docker Hub (registry-1.docker.io answers"
        " 404); `transship tags nginx` lists those that it has"
    )


def test_another_registry_is_named() -> None:
    assert "ghcr.io/a/b has no tag 1 at ghcr.io" in said(404, "ghcr.io/a/b:1", host="ghcr.io")
    assert "`transship tags ghcr.io/a/b`" in said(404, "ghcr.io/a/b:1", host="ghcr.io")


def test_a_list_of_tags_that_is_not_there_is_a_repository_that_is_not() -> None:
    assert said(404, "nosuch", path="tags/list?n=10").startswith(
        "docker.io/library/nosuch does not exist on Docker Hub"
    )


@pytest.mark.parametrize(
    ("status", "image", "host", "path"),
    [
        (401, "nginx", "asia-northeast1-docker.pkg.dev", "manifests/latest"),
        (404, "nginx", "asia-northeast1-docker.pkg.dev", "manifests/latest"),
        (404, f"nginx@{DIGEST}", HUB, f"manifests/{DIGEST}"),
        (404, "nginx", HUB, f"blobs/{DIGEST}"),
        (403, "nginx", HUB, "manifests/latest"),
        (503, "nginx", HUB, "manifests/latest"),
    ],
)
def test_whatever_else_is_refused_keeps_the_registrys_words(
    status: int, image: str, host: str, path: str
) -> None:
    assert said(status, image, host=host, path=path) == ""
