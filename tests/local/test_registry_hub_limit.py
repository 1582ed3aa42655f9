"""The pull limit of the local Docker Hub, and the abuse limit."""

from local import images
from local.clock import Clock
from local.images import AMD64, ARM64
from local.registry import DockerHub
from local.registry.faults import abuse_limit, pull_limit
from tests.fixtures.wire import Answer, Wire
from tests.local.hub_visitors import SITE, alice, anonymous, clock, hub

__all__ = ["alice", "anonymous", "clock", "hub"]


def remaining(answer: Answer) -> int:
    return int(answer.headers["ratelimit-remaining"].partition(";")[0])


def test_a_get_counts_and_a_head_does_not(anonymous: Wire) -> None:
    before = remaining(anonymous.manifest(SITE, "latest", method="HEAD"))
    assert remaining(anonymous.manifest(SITE, "latest", method="HEAD")) == before
    assert remaining(anonymous.manifest(SITE, "latest")) == before - 1


def test_each_manifest_of_an_index_counts(anonymous: Wire) -> None:
    site = images.static_site("one")
    before = remaining(anonymous.manifest(SITE, "latest", method="HEAD"))
    for reference in ("latest", site.child(AMD64).digest, site.child(ARM64).digest):
        anonymous.manifest(SITE, reference)
    assert remaining(anonymous.manifest(SITE, "latest", method="HEAD")) == before - 3


def test_blobs_do_not_count(anonymous: Wire) -> None:
    before = remaining(anonymous.manifest(SITE, "latest", method="HEAD"))
    blob = next(images.static_site("one").blobs())
    assert anonymous.blob(SITE, blob.digest).status == 200
    assert remaining(anonymous.manifest(SITE, "latest", method="HEAD")) == before


def test_the_headers_tell_limit_window_and_source(hub: DockerHub, anonymous: Wire) -> None:
    hub.quota.limit, hub.quota.window = 10, 3600
    answer = anonymous.manifest(SITE, "latest")
    assert answer.headers["ratelimit-limit"] == "10;w=3600"
    assert answer.headers["ratelimit-remaining"] == "9;w=3600"
    assert answer.headers["docker-ratelimit-source"] == "127.0.0.1"


def test_an_account_has_a_count_of_its_own(hub: DockerHub, anonymous: Wire, alice: Wire) -> None:
    hub.quota.exhaust("127.0.0.1")
    assert anonymous.manifest(SITE, "latest").status == 429
    answer = alice.manifest(SITE, "latest")
    assert answer.status == 200
    assert answer.headers["docker-ratelimit-source"] == hub.source_of("alice")


def test_a_paid_account_sees_no_limit(hub: DockerHub, alice: Wire) -> None:
    hub.quota.limits[hub.source_of("alice")] = None
    answer = alice.manifest(SITE, "latest")
    assert answer.status == 200
    assert not [name for name in answer.headers if "ratelimit" in name.lower()]


def test_the_limit_is_a_429_that_says_so_until_the_window_has_passed(
    hub: DockerHub, anonymous: Wire, clock: Clock
) -> None:
    hub.quota.exhaust("127.0.0.1")
    answer = anonymous.manifest(SITE, "latest")
    assert answer.status == 429
    assert answer.error()["code"] == "TOOMANYREQUESTS"
    assert "pull rate limit" in answer.error()["message"]
    assert remaining(answer) == 0
    assert "Retry-After" not in answer.headers
    assert anonymous.manifest(SITE, "latest", method="HEAD").status == 200
    clock.advance(hub.quota.window)
    assert anonymous.manifest(SITE, "latest").status == 200


def test_the_limit_may_say_when_to_come_back(hub: DockerHub, anonymous: Wire) -> None:
    hub.retry_after = 90
    hub.quota.exhaust("127.0.0.1")
    assert anonymous.manifest(SITE, "latest").headers["Retry-After"] == "90"


def test_a_pull_limit_can_be_made_up(hub: DockerHub, anonymous: Wire) -> None:
    hub.faults.add(pull_limit(retry_after=7, times=1))
    assert anonymous.manifest(SITE, "latest").headers["Retry-After"] == "7"
    assert anonymous.manifest(SITE, "latest").status == 200


def test_the_abuse_limit_is_plain_and_spares_nobody(
    hub: DockerHub, anonymous: Wire, alice: Wire
) -> None:
    hub.faults.add(abuse_limit())
    for answer in (
        alice.manifest(SITE, "latest", method="HEAD"),
        anonymous.send("GET", "https://auth.docker.io/token"),
    ):
        assert answer.status == 429
        assert answer.headers["Content-Type"] == "text/plain"
