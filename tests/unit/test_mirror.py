"""Mirrors: where an upstream's image is served, and back."""

import re

import pytest

from transship.errors import InvalidReference, NoMirror
from transship.model.mirror import Mirror, Mirrors, parse_mirror, parse_mirrors
from transship.model.reference import parse_reference

SHA = "sha256:" + "a" * 64
PREFIX = "asia-northeast1-docker.pkg.dev/sample-project/docker"
HUB = Mirror(location="asia-northeast1", project="sample-project", repository="docker")
GITHUB = Mirror(upstream="ghcr.io", location="us", project="sample-project", repository="github")
OF_A_DOMAIN = Mirror(location="europe", project="example.com:my-project", repository="docker")
BOTH = Mirrors((HUB, GITHUB))


@pytest.mark.parametrize(
    ("mirror", "upstream", "served"),
    [
        (HUB, "dockersamples/static-site", f"{PREFIX}/dockersamples/static-site:latest"),
        (HUB, "nginx:1.27", f"{PREFIX}/library/nginx:1.27"),
        (HUB, f"nginx@{SHA}", f"{PREFIX}/library/nginx@{SHA}"),
        (HUB, f"nginx:1.27@{SHA}", f"{PREFIX}/library/nginx:1.27@{SHA}"),
        (GITHUB, "ghcr.io/a/b:1", "us-docker.pkg.dev/sample-project/github/a/b:1"),
        (GITHUB, "ghcr.io/single:1", "us-docker.pkg.dev/sample-project/github/single:1"),
        (
            OF_A_DOMAIN,
            "nginx",
            "europe-docker.pkg.dev/example.com/my-project/docker/library/nginx:latest",
        ),
    ],
)
def test_an_image_goes_to_the_mirror_and_back(mirror: Mirror, upstream: str, served: str) -> None:
    reference = parse_reference(upstream)
    assert str(mirror.serving(reference)) == served
    assert mirror.served(parse_reference(served)) == reference


def test_an_official_image_is_known_without_its_namespace() -> None:
    official = parse_reference("nginx:1.27")
    assert HUB.served(parse_reference(f"{PREFIX}/nginx:1.27")) == official
    assert HUB.served(parse_reference(f"{PREFIX}/library/nginx:1.27")) == official


def test_a_mirror_serves_its_upstream_only() -> None:
    with pytest.raises(NoMirror, match=re.escape("does not serve ghcr.io/a/b:1")):
        HUB.serving(parse_reference("ghcr.io/a/b:1"))


@pytest.mark.parametrize(
    "text",
    [
        "nginx",
        f"{PREFIX}:1",
        f"{PREFIX}2/nginx",
        "asia-northeast1-docker.pkg.dev/sample-project/other/nginx",
        "asia-northeast1-docker.pkg.dev/other-project/docker/nginx",
        "us-docker.pkg.dev/sample-project/docker/nginx",
        "example.com/sample-project/docker/nginx",
    ],
)
def test_what_is_elsewhere_is_not_in_the_mirror(text: str) -> None:
    reference = parse_reference(text)
    assert not HUB.holds(reference)
    assert BOTH.of(reference) is None
    assert BOTH.upstream_of(reference) == reference
    with pytest.raises(NoMirror, match=r"is not in docker\.io="):
        HUB.served(reference)


def test_a_name_in_a_mirror_is_understood_as_its_upstream_image() -> None:
    in_mirror = parse_reference(f"{PREFIX}/nginx:1.27")
    upstream = parse_reference("nginx:1.27")
    assert BOTH.of(in_mirror) == (HUB, upstream)
    assert BOTH.upstream_of(in_mirror) == upstream
    assert BOTH.for_upstream(in_mirror) == HUB


def test_each_upstream_has_its_mirror() -> None:
    assert BOTH.for_upstream(parse_reference("nginx")) == HUB
    assert BOTH.for_upstream(parse_reference("ghcr.io/a/b")) == GITHUB


def test_an_upstream_without_a_mirror_lists_those_there_are() -> None:
    with pytest.raises(NoMirror) as refusal:
        BOTH.for_upstream(parse_reference("quay.io/a/b:1"))
    for word in ("quay.io/a/b:1", f"docker.io={PREFIX}", "ghcr.io=us-docker.pkg.dev"):
        assert word in str(refusal.value)
    with pytest.raises(NoMirror, match="mirrors there are: none"):
        Mirrors(()).for_upstream(parse_reference("nginx"))


def test_a_repository_too_long_for_the_mirror_is_refused() -> None:
    longest = parse_reference("ghcr.io/" + "a" * 255)
    with pytest.raises(InvalidReference, match="over 255"):
        GITHUB.serving(longest)


@pytest.mark.parametrize("mirror", [HUB, GITHUB, OF_A_DOMAIN])
def test_a_mirror_is_read_as_it_is_written(mirror: Mirror) -> None:
    assert parse_mirror(str(mirror)) == mirror


def test_the_parts_of_a_mirror() -> None:
    mirror = parse_mirror(f"docker.io={PREFIX}")
    assert mirror == HUB
    assert mirror.host == "asia-northeast1-docker.pkg.dev"
    assert mirror.prefix == PREFIX
    assert OF_A_DOMAIN.prefix == "europe-docker.pkg.dev/example.com/my-project/docker"


def test_a_list_of_mirrors() -> None:
    assert parse_mirrors(f"{HUB}, {GITHUB},") == BOTH
    assert parse_mirrors("") == Mirrors(())


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "the mirror ''"),
        (PREFIX, "the mirror"),
        (f"={PREFIX}", "the mirror"),
        (f"docker.io=https://{PREFIX}", "the mirror"),
        ("docker.io=example.com/p/docker", "the mirror"),
        ("docker.io=us-docker.pkg.dev", "the mirror"),
        ("docker.io=us-docker.pkg.dev/p", "the mirror"),
        ("docker.io=us-docker.pkg.dev/a/b/c/d", "the mirror"),
        ("docker.io=us-docker.pkg.dev/p/docker\n", "the repository 'docker\\n'"),
        ("docker.io=us-docker.pkg.dev/p/docker/", "the mirror"),
        ("index.docker.io=us-docker.pkg.dev/p/docker", "right is docker.io"),
        ("hub=us-docker.pkg.dev/p/docker", "the registry 'hub'"),
        ("docker.io=us_1-docker.pkg.dev/p/docker", "the location 'us_1'"),
        ("docker.io=us-docker.pkg.dev/P/docker", "the project 'P'"),
        ("docker.io=us-docker.pkg.dev/123456789012/docker", "the project '123456789012'"),
        ("docker.io=us-docker.pkg.dev/example/p/docker", "the project 'example:p'"),
        ("docker.io=us-docker.pkg.dev/p/docker_hub", "the repository 'docker_hub'"),
        ("docker.io=us-docker.pkg.dev/p/" + "d" * 64, "the repository"),
    ],
)
def test_a_wrong_mirror_stops_the_start_and_names_the_part(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=re.escape(part)):
        parse_mirror(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (f"{HUB},docker.io=us-docker.pkg.dev/p/docker", "two mirrors have the upstream docker.io"),
        (f"{HUB},quay.io={PREFIX}", f"two mirrors have the repository {PREFIX}"),
    ],
)
def test_two_mirrors_may_not_contend(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=re.escape(part)):
        parse_mirrors(text)
