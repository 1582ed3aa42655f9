"""Where the registry client lets itself be sent, and what it takes along."""

import pytest

from tests.unit.registry_site import IN_MIRROR, served
from tests.unit.scripted_registry import (
    CDN,
    MIRROR,
    STATIC_SITE,
    Asked,
    Reply,
    client_of,
    scripted,
    soon,
)
from transship.errors import Refused


def test_a_credential_does_not_follow_a_redirect_to_another_host() -> None:
    def respond(asked: Asked) -> Reply:
        if asked.host == MIRROR:
            return Reply(status=307, headers=[("Location", f"https://{CDN}/elsewhere?signature=s")])
        return served()

    with scripted(respond) as registry:
        client_of(registry, google_token=lambda: "ya29.x").get_manifest(IN_MIRROR, deadline=soon())
    first, second = registry.asked
    assert first.headers["authorization"] == "Bearer ya29.x"
    assert (second.host, second.query) == (CDN, {"signature": ["s"]})
    assert "authorization" not in second.headers


def test_a_credential_follows_a_redirect_within_its_host() -> None:
    def respond(asked: Asked) -> Reply:
        if asked.path.startswith("/v2/"):
            return Reply(status=302, headers=[("Location", "/artifacts-downloads/x?a=b")])
        return served()

    with scripted(respond) as registry:
        client_of(registry, google_token=lambda: "ya29.x").get_manifest(IN_MIRROR, deadline=soon())
    assert registry.asked[1].path == "/artifacts-downloads/x"
    assert registry.asked[1].headers["authorization"] == "Bearer ya29.x"


def test_a_credential_that_was_dropped_does_not_come_back() -> None:
    def respond(asked: Asked) -> Reply:
        if asked.host == CDN:
            return Reply(status=302, headers=[("Location", f"https://{MIRROR}/home")])
        if asked.path == "/home":
            return served()
        return Reply(status=302, headers=[("Location", f"https://{CDN}/away")])

    with scripted(respond) as registry:
        client_of(registry, google_token=lambda: "ya29.x").get_manifest(IN_MIRROR, deadline=soon())
    assert [("authorization" in asked.headers) for asked in registry.asked] == [True, False, False]


def test_five_redirects_are_followed_and_no_sixth() -> None:
    for hops, is_followed in ((5, True), (6, False)):

        def respond(asked: Asked, hops: int = hops) -> Reply:
            so_far = int(asked.query.get("n", ["0"])[0])
            if so_far == hops:
                return served()
            return Reply(status=302, headers=[("Location", f"/next?n={so_far + 1}")])

        with scripted(respond) as registry:
            client = client_of(registry)
            if is_followed:
                client.get_manifest(STATIC_SITE, deadline=soon())
            else:
                with pytest.raises(Refused, match="more than 5 times"):
                    client.get_manifest(STATIC_SITE, deadline=soon())


@pytest.mark.parametrize(
    "location",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://169.254.169.254/",
        "https://metadata.google.internal/",
        "//localhost/",
        "file:///etc/passwd",
        "https://user:password@example.com/",
        "https://[::1/",
    ],
)
def test_a_redirect_passes_the_guard(location: str) -> None:
    reply = Reply(status=302, headers=[("Location", location)])
    with scripted(lambda _: reply) as registry, pytest.raises(Refused):
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())
    assert len(registry.asked) == 1
