"""Patterns: what an operator's globs cover, and which are refused at the start."""

import re

import pytest

from transship.model.pattern import Pattern, parse_image_pattern
from transship.model.reference import parse_reference

SHA = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("web", "web"),
        ("web-*", "web-"),
        ("web-*", "web-1"),
        ("*", "anything"),
        ("a*c*e", "abcde"),
        ("projects/*/locations/*/services/web", "projects/p/locations/r/services/web"),
        ("**/services/web", "projects/p/locations/r/services/web"),
        ("projects/**", "projects/p/locations/r"),
        ("**", "a/b/c"),
        ("a/**/z", "a/b/z"),
        ("a/**/z", "a/b/c/z"),
        ("1.2", "1.2"),
    ],
)
def test_a_pattern_covers(pattern: str, text: str) -> None:
    assert Pattern(pattern).matches(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("web", "web2"),
        ("web", "my-web"),
        ("web", "web\n"),
        ("web", "WEB"),
        ("*", "a/b"),
        ("a/*", "a/b/c"),
        ("a/**", "a"),
        ("a/**/z", "a/z"),
        ("**", ""),
        ("1.2", "1x2"),
        ("a+", "aa"),
    ],
)
def test_a_pattern_does_not_cover(pattern: str, text: str) -> None:
    assert not Pattern(pattern).matches(text)


@pytest.mark.parametrize(
    "text", ["", "a?c", "a[bc]", "a{b,c}", "a b", "a\\b", "(a)", "^a$", "a|b", "\u00e9", "a\n"]
)
def test_other_signs_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"the pattern {text!r} is wrong")):
        Pattern(text)


@pytest.mark.parametrize("text", ["a**", "a/b**/c", "***", "**:1"])
def test_two_stars_are_a_whole_component(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"the pattern {text!r} is wrong")):
        Pattern(text)


def test_a_pattern_has_a_limit() -> None:
    assert Pattern("a" * 512).matches("a" * 512)
    with pytest.raises(ValueError, match="513 characters, over 512"):
        Pattern("a" * 513)


def test_a_hostile_pattern_takes_linear_time() -> None:
    # A backtracking engine would not come back in this century.
    assert not Pattern("*a" * 250).matches("a" * 249 + "b")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("docker.io/**", "nginx"),
        ("docker.io/**", "a/b/c:1@" + SHA),
        ("docker.io/library/*", "nginx:1.27"),
        # What the pattern does not name is free.
        ("docker.io/library/nginx", "nginx"),
        ("docker.io/library/nginx", "nginx:1.27"),
        ("docker.io/library/nginx", "nginx@" + SHA),
        ("docker.io/library/nginx", "nginx:1.27@" + SHA),
        ("docker.io/library/*:1.*", "nginx:1.27"),
        ("docker.io/library/*:1.*", "nginx:1.27@" + SHA),
        ("docker.io/library/nginx@" + SHA, "nginx@" + SHA),
        ("docker.io/library/nginx@" + SHA, "nginx:1.27@" + SHA),
        ("docker.io/library/nginx:1@" + SHA, "nginx:1@" + SHA),
        ("**", "localhost:5000/a"),
        ("**/nginx", "nginx"),
        ("**:latest", "nginx"),
        ("*.pkg.dev/p/**", "asia-docker.pkg.dev/p/docker/x"),
        ("localhost/a", "localhost/a"),
        ("localhost:5000/**", "localhost:5000/a:1"),
    ],
)
def test_an_image_pattern_covers(pattern: str, text: str) -> None:
    assert parse_image_pattern(pattern).matches(parse_reference(text))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("docker.io/**", "ghcr.io/a/b"),
        ("docker.io/**", "docker.io:443/a/b"),
        ("docker.io/**", "Docker.io/a/b"),
        ("docker.io/**", "evil.com/docker.io/a"),
        ("docker.io/library/*", "someone/nginx"),
        ("docker.io/library/*", "library/foo/bar"),
        ("docker.io/library/nginx", "nginx-evil"),
        # What the pattern names, the reference must have.
        ("docker.io/library/*:1.*", "nginx:2.0"),
        ("docker.io/library/*:1.*", "nginx:1"),
        ("docker.io/library/*:1.*", "nginx@" + SHA),
        ("**:5*", "localhost:5000/a"),
        ("docker.io/library/nginx@" + SHA, "nginx:1.27"),
        ("docker.io/library/nginx@" + SHA, "nginx@" + OTHER),
        ("docker.io/library/nginx:1@" + SHA, "nginx:2@" + SHA),
    ],
)
def test_an_image_pattern_does_not_cover(pattern: str, text: str) -> None:
    assert not parse_image_pattern(pattern).matches(parse_reference(text))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("nginx", "docker.io/library/nginx"),
        ("library/nginx", "docker.io/library/nginx"),
        ("docker.io", "docker.io/**"),
        ("docker.io/nginx", "docker.io/library/nginx"),
        ("docker.io/*", "docker.io/**"),
        ("index.docker.io/**", "docker.io/**"),
        ("registry-1.docker.io/a/b", "docker.io/a/b"),
    ],
)
def test_an_image_pattern_that_nothing_matches_is_refused(text: str, right: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"the pattern {text!r}")) as refusal:
        parse_image_pattern(text)
    assert right in str(refusal.value).partition("right is")[2]


@pytest.mark.parametrize("text", ["docker.io/**:", "docker.io/**@", "docker.io/a?/b", "a.b/c:**d"])
def test_a_wrong_image_pattern_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"the pattern '.*' is wrong"):
        parse_image_pattern(text)


@pytest.mark.parametrize(
    "text", ["docker.io/**", "docker.io/library/*:1.*", f"a.b/c@{SHA}", f"localhost:1/c:t@{SHA}"]
)
def test_an_image_pattern_is_written_as_it_was_read(text: str) -> None:
    assert str(parse_image_pattern(text)) == text
