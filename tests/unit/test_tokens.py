"""Bearer tokens: fetched where the registry says, used again, renewed, and shown to nobody else."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.scripted_registry import (
    AUTH,
    CDN,
    HUB,
    MIRROR,
    STATIC_SITE,
    Asked,
    Reply,
    ScriptedRegistry,
    client_of,
    error,
    scripted,
    soon,
)
from tests.unit.token_hub import ALICE, TokenHub, asked_for_tokens
from transship.clients.egress import Guard
from transship.clients.tokens import Login, Tokens
from transship.clients.transport import Transport
from transship.errors import AccessDenied, RateLimited, Refused, RegistryUnavailable
from transship.model.reference import parse_reference


def test_a_token_is_fetched_from_the_realm_and_used_again() -> None:
    with scripted(TokenHub()) as registry:
        client = client_of(registry)
        for _ in range(3):
            client.head(STATIC_SITE, deadline=soon())
        client.close()
    [question] = asked_for_tokens(registry)
    assert question.host == AUTH
    assert question.query == {
        "service": ["registry.docker.io"],
        "scope": ["repository:dockersamples/static-site:pull"],
    }
    assert "authorization" not in question.headers
    # One 401 to learn the realm; never another.
    assert len(registry.paths("HEAD")) == 4


def test_the_scope_that_the_registry_asks_for_is_asked_for() -> None:
    hub = TokenHub()
    hub.challenge += ',scope="repository:a:pull repository:b:pull"'
    with scripted(hub) as registry:
        client_of(registry).head(STATIC_SITE, deadline=soon())
    [question] = asked_for_tokens(registry)
    assert question.query["scope"] == ["repository:a:pull", "repository:b:pull"]


def test_access_token_is_another_name_for_token() -> None:
    hub = TokenHub()
    hub.accepted.add("Bearer other")
    hub.issue = lambda _: Reply(body=b'{"token": null, "access_token": "other"}')
    with scripted(hub) as registry:
        client_of(registry).head(STATIC_SITE, deadline=soon())


@pytest.mark.parametrize(
    "realm",
    [
        "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token",
        "https://metadata.google.internal/token",
        "https://169.254.169.254/token",
        "https://evil.example.com/token",
        "http://auth.example.com/token",
        "file:///etc/passwd",
        "not an address",
        "https://[::1/token",
        f"https://user@{AUTH}/token",
    ],
)
def test_a_realm_passes_the_guard(realm: str) -> None:
    hub = TokenHub()
    hub.challenge = f'Bearer realm="{realm}"'
    with scripted(hub) as registry, pytest.raises(Refused):
        client_of(registry).head(STATIC_SITE, deadline=soon())
    assert asked_for_tokens(registry) == []


def test_a_token_service_that_redirects_is_not_followed() -> None:
    hub = TokenHub()
    hub.issue = lambda _: Reply(status=302, headers=[("Location", f"https://{AUTH}/elsewhere")])
    with scripted(hub) as registry, pytest.raises(RegistryUnavailable, match="302"):
        client_of(registry).head(STATIC_SITE, deadline=soon())
    assert "/elsewhere" not in registry.paths()


def test_a_challenge_by_where_a_registry_redirects_to_is_not_answered() -> None:
    hub = TokenHub()

    def respond(asked: Asked) -> Reply:
        if asked.host == HUB:
            return Reply(status=307, headers=[("Location", f"https://{CDN}/x")])
        return hub(asked)

    with scripted(respond) as registry, pytest.raises(AccessDenied, match=CDN):
        client_of(registry, logins={"docker.io": ALICE}).head(STATIC_SITE, deadline=soon())
    assert asked_for_tokens(registry) == []


def test_a_token_that_was_revoked_is_renewed_once() -> None:
    hub = TokenHub()
    with scripted(hub) as registry:
        client = client_of(registry)
        client.head(STATIC_SITE, deadline=soon())
        hub.accepted.clear()
        client.head(STATIC_SITE, deadline=soon())
    assert len(asked_for_tokens(registry)) == 2


def test_a_registry_that_accepts_no_token_is_not_asked_for_ever() -> None:
    hub = TokenHub()
    hub.issue = lambda _: Reply(body=b'{"token": "useless"}')
    with scripted(hub) as registry, pytest.raises(AccessDenied, match="or is private"):
        client_of(registry).head(STATIC_SITE, deadline=soon())
    assert len(asked_for_tokens(registry)) == 2
    assert len(registry.paths("HEAD")) == 3


def test_a_challenge_that_cannot_be_answered_is_a_denial() -> None:
    hub = TokenHub()
    for challenge in ("", "Negotiate", 'Basic realm="r"', "Bearer"):
        hub.challenge = challenge
        with scripted(hub) as registry, pytest.raises(AccessDenied, match="nothing that we have"):
            client_of(registry).head(STATIC_SITE, deadline=soon())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"token": 7}',
        b'{"token": ""}',
        b'{"token": "a\\r\\nX: y"}',
        b"\xff",
    ],
)
def test_an_answer_without_a_token_is_worth_another_try(body: bytes) -> None:
    hub = TokenHub()
    hub.issue = lambda _: Reply(body=body)
    with scripted(hub) as registry, pytest.raises(RegistryUnavailable, match="no token"):
        client_of(registry).head(STATIC_SITE, deadline=soon())


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    hub = TokenHub()
    hub.issue = lambda _: Reply(body=b" " * 3_000_000)
    with scripted(hub) as registry, pytest.raises(RegistryUnavailable, match="over 1048576 bytes"):
        client_of(registry).head(STATIC_SITE, deadline=soon())


def test_a_token_service_may_limit_too() -> None:
    hub = TokenHub()
    hub.issue = lambda _: error(429, "TOOMANYREQUESTS", "slow down", Retry_After="900")
    with scripted(hub) as registry, pytest.raises(RateLimited) as caught:
        client_of(registry).head(STATIC_SITE, deadline=soon())
    assert caught.value.source == "docker.io"
    assert caught.value.retry_at is not None


def test_twenty_threads_fetch_one_token() -> None:
    hub = TokenHub()
    all_refused = threading.Barrier(20, timeout=20)

    def wait_for_all(asked: Asked) -> Reply:
        reply = hub(asked)
        if reply.status == 401:
            all_refused.wait()
        return reply

    with scripted(wait_for_all) as registry:
        client = client_of(registry)
        with ThreadPoolExecutor(20) as pool:
            for future in [
                pool.submit(client.head, STATIC_SITE, deadline=soon()) for _ in range(20)
            ]:
                future.result()
        client.close()
    assert len(asked_for_tokens(registry)) == 1


class Ticking:
    """The tokens of a client whose clock the test moves."""

    def __init__(self, registry: ScriptedRegistry, **settings: Any) -> None:
        self.now = 0.0
        guard = Guard(host_map=dict.fromkeys((HUB, AUTH, MIRROR), registry.url))
        self.transport = Transport(guard)
        self.tokens = Tokens(
            self.transport,
            **{"logins": {}, "google_token": None, **settings},
            now=lambda: datetime.now(UTC),
            clock=lambda: self.now,
        )

    def first(self, hub: TokenHub) -> str:
        return self.tokens.demanded(
            "docker.io", "a/b", refused=None, headers=[hub.challenge], deadline=soon()
        )

    def at(self, seconds: float) -> str | None:
        self.now = seconds
        return self.tokens.expected("docker.io", "a/b", deadline=soon())


@pytest.mark.parametrize(
    ("expires_in", "kept", "renewed"),
    [
        ({}, 47.0, 49.0),  # the default is 60 s
        ({"expires_in": 1}, 47.0, 49.0),  # and so is the minimum
        ({"expires_in": None}, 47.0, 49.0),
        ({"expires_in": 300}, 239.0, 241.0),
    ],
)
def test_a_token_is_renewed_when_a_fifth_of_its_life_is_left(
    expires_in: dict[str, Any], kept: float, renewed: float
) -> None:
    hub = TokenHub(**expires_in)
    with scripted(hub) as registry:
        ticking = Ticking(registry)
        assert ticking.first(hub) == "Bearer token-1"
        assert ticking.at(kept) == "Bearer token-1"
        assert ticking.at(renewed) == "Bearer token-2"
        ticking.transport.close()


def test_tokens_are_kept_apart_by_repository() -> None:
    hub = TokenHub()
    with scripted(hub) as registry:
        client = client_of(registry)
        client.head(STATIC_SITE, deadline=soon())
        client.head(parse_reference("library/nginx:latest"), deadline=soon())
    assert len(asked_for_tokens(registry)) == 2


def test_two_registries_with_one_token_service_do_not_share_tokens() -> None:
    hub = TokenHub()
    logins = {
        f"{user}.example.com": Login(user=user, password="s3cret", realm_host=AUTH)
        for user in ("alice", "bob")
    }
    with scripted(hub) as registry:
        ticking = Ticking(registry, logins=logins)
        tokens = {
            ticking.tokens.demanded(
                name, "a/b", refused=None, headers=[hub.challenge], deadline=soon()
            )
            for name in logins
        }
        ticking.transport.close()
    assert len(tokens) == 2
