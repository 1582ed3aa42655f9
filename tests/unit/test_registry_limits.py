"""The limits of a registry: when to come back, and how much is left."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.registry_site import IN_MIRROR, served
from tests.unit.scripted_registry import (
    MIRROR,
    STATIC_SITE,
    Reply,
    client_of,
    error,
    scripted,
    soon,
)
from transship.errors import RateLimited
from transship.model.ratelimit import RateLimit

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def limited(**headers: str) -> Reply:
    return error(429, "TOOMANYREQUESTS", "You have reached your pull rate limit.", **headers)


RETRY_AFTER = [
    ("900", timedelta(seconds=900)),
    (" 900 ", timedelta(seconds=900)),
    ("Tue, 24 Nov 2026 12:15:00 GMT", timedelta(seconds=900)),
    ("Tue, 24 Nov 2026 12:15:00 -0000", timedelta(seconds=900)),
    ("99999999999999999999", timedelta(days=1)),
    ("Tue, 24 Nov 2099 12:15:00 GMT", timedelta(days=1)),
    ("", None),
    ("-5", None),
    ("soon", None),
    ("331µs", None),
    ("1e3", None),
]


@pytest.mark.parametrize(("value", "wait"), RETRY_AFTER)
def test_a_limit_says_when_to_come_back(value: str, wait: timedelta | None) -> None:
    headers = {"Retry_After": value} if value else {}
    with (
        scripted(lambda _: limited(**headers)) as registry,
        pytest.raises(RateLimited) as caught,
    ):
        client_of(registry, now=lambda: NOW).get_manifest(STATIC_SITE, deadline=soon())
    assert caught.value.source == "docker.io"
    assert caught.value.retry_at == (None if wait is None else NOW + wait)
    assert len(registry.asked) == 1


def test_a_date_that_has_passed_means_now() -> None:
    replies = iter([limited(Retry_After="Tue, 24 Nov 2020 12:15:00 GMT"), served()])
    with scripted(lambda _: next(replies)) as registry:
        client_of(registry, now=lambda: NOW).get_manifest(STATIC_SITE, deadline=soon())


def test_a_short_wait_is_waited_for_here() -> None:
    replies = iter([limited(Retry_After="0"), served()])
    with scripted(lambda _: next(replies)) as registry:
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())
    assert len(registry.asked) == 2


def test_the_mirrors_limit_is_a_minute() -> None:
    reply = error(429, "", "Resource has been exhausted (e.g. check quota).")
    with scripted(lambda _: reply) as registry:
        client = client_of(registry, now=lambda: NOW, google_token=lambda: "t")
        with pytest.raises(RateLimited) as caught:
            client.get_manifest(IN_MIRROR, deadline=soon())
    assert caught.value.source == MIRROR
    assert caught.value.retry_at == NOW + timedelta(minutes=1)


def test_the_quota_is_read_from_every_answer() -> None:
    seen: list[tuple[str, RateLimit]] = []
    quota = {
        "ratelimit_limit": "100;w=21600",
        "ratelimit_remaining": "20;w=21600",
        "docker_ratelimit_source": "192.0.2.1",
    }
    replies = iter([served(**quota), served(**quota), limited(**quota)])
    with scripted(lambda _: next(replies)) as registry:
        client = client_of(registry, observe=lambda host, limit: seen.append((host, limit)))
        head = client.head(STATIC_SITE, deadline=soon())
        fetched = client.get_manifest(STATIC_SITE, deadline=soon())
        with pytest.raises(RateLimited):
            client.head(STATIC_SITE, deadline=soon())
    expected = RateLimit(limit=100, remaining=20, window_seconds=21600, source="192.0.2.1")
    assert head.rate_limit == fetched.rate_limit == expected
    assert seen == [("docker.io", expected)] * 3


def test_an_account_without_a_limit_is_not_observed() -> None:
    with scripted(lambda _: served(ratelimit_remaining="many")) as registry:
        client = client_of(registry, observe=lambda host, limit: pytest.fail(f"{host} {limit}"))
        assert client.head(STATIC_SITE, deadline=soon()).rate_limit is None
