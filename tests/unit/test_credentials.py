"""Logins and access tokens: who is shown them, and what a refusal of them means."""

import base64

import pytest

from tests.unit.scripted_registry import (
    HUB,
    MIRROR,
    STATIC_SITE,
    client_of,
    error,
    scripted,
    soon,
)
from tests.unit.token_hub import ALICE, TokenHub, asked_for_tokens
from transship.clients.tokens import Login
from transship.errors import AccessDenied, Refused
from transship.model.reference import parse_reference

IN_MIRROR = parse_reference(f"{MIRROR}/sample-project/docker/dockersamples/static-site:latest")


def test_a_login_goes_to_its_realm_and_nowhere_else() -> None:
    with scripted(TokenHub()) as registry:
        client = client_of(registry, logins={"docker.io": ALICE})
        client.get_manifest(STATIC_SITE, deadline=soon())
    expected = "Basic " + base64.b64encode(b"alice:s3cret").decode()
    assert [asked.headers["authorization"] for asked in asked_for_tokens(registry)] == [expected]
    others = [asked for asked in registry.asked if asked.host == HUB]
    assert all(not asked.headers.get("authorization", "").startswith("Basic") for asked in others)


def test_a_realm_that_a_login_is_not_bound_to_does_not_get_it() -> None:
    hub = TokenHub()
    hub.challenge = f'Bearer realm="https://{MIRROR}/token"'
    with scripted(hub) as registry:
        client = client_of(registry, logins={"docker.io": ALICE})
        with pytest.raises(Refused, match="not bound"):
            client.head(STATIC_SITE, deadline=soon())
    assert asked_for_tokens(registry) == []


def test_a_login_that_is_refused_is_a_denial() -> None:
    hub = TokenHub()
    hub.issue = lambda _: error(401, "UNAUTHORIZED", "incorrect username or password")
    with scripted(hub) as registry, pytest.raises(AccessDenied) as caught:
        client_of(registry, logins={"docker.io": ALICE}).head(STATIC_SITE, deadline=soon())
    assert "s3cret" not in str(caught.value) + repr(ALICE)


def test_artifact_registry_gets_googles_token_without_being_asked() -> None:
    hub = TokenHub()
    hub.accepted.add("Bearer ya29.one")
    with scripted(hub) as registry:
        client_of(registry, google_token=lambda: "ya29.one").head(IN_MIRROR, deadline=soon())
    assert [asked.path for asked in registry.asked] == registry.paths("HEAD")
    assert len(registry.asked) == 1


def test_docker_hub_never_gets_googles_token() -> None:
    with scripted(TokenHub()) as registry:
        client_of(registry, google_token=lambda: "ya29.one").head(STATIC_SITE, deadline=soon())
    assert all("ya29" not in asked.headers.get("authorization", "") for asked in registry.asked)


def test_an_access_token_that_is_refused_is_asked_for_once_more() -> None:
    hub = TokenHub()
    hub.challenge = ""
    hub.accepted.add("Bearer ya29.new")
    answers = iter(["ya29.old", "ya29.new"])
    with scripted(hub) as registry:
        client_of(registry, google_token=lambda: next(answers)).head(IN_MIRROR, deadline=soon())
    assert len(registry.asked) == 2


@pytest.mark.parametrize(
    ("answers", "requests"), [(["ya29.old"] * 9, 1), ([f"ya29.{n}" for n in range(9)], 2)]
)
def test_access_tokens_that_are_refused_are_a_denial(answers: list[str], requests: int) -> None:
    """The same token again is not tried again."""
    hub = TokenHub()
    hub.challenge = ""
    left = iter(answers)
    with scripted(hub) as registry, pytest.raises(AccessDenied) as caught:
        client_of(registry, google_token=lambda: next(left)).head(IN_MIRROR, deadline=soon())
    assert len(registry.asked) == requests
    assert "ya29" not in str(caught.value)


def test_a_registry_that_asks_for_basic_gets_the_login_that_is_its_own() -> None:
    hub = TokenHub()
    hub.challenge = 'Basic realm="registry"'
    login = Login(user="alice", password="s3cret", realm_host="docker.io")
    hub.accepted.add(login.basic)
    with scripted(hub) as registry:
        client_of(registry, logins={"docker.io": login}).head(STATIC_SITE, deadline=soon())


def test_a_registry_that_asks_for_basic_does_not_get_a_login_for_another_realm() -> None:
    hub = TokenHub()
    hub.challenge = 'Basic realm="registry"'
    with scripted(hub) as registry, pytest.raises(Refused, match="not bound"):
        client_of(registry, logins={"docker.io": ALICE}).head(STATIC_SITE, deadline=soon())


def test_a_basic_login_that_is_refused_is_a_denial() -> None:
    hub = TokenHub()
    hub.challenge = 'Basic realm="registry"'
    login = Login(user="alice", password="wrong", realm_host="docker.io")
    with scripted(hub) as registry, pytest.raises(AccessDenied, match="alice"):
        client_of(registry, logins={"docker.io": login}).head(STATIC_SITE, deadline=soon())
    assert len(registry.asked) == 2
