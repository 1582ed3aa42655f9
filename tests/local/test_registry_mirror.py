"""The stand-in for a remote repository: what it stores, and when it asks."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local import images
from local.images import AMD64, ARM64
from local.registry import GHCR, BlobRedirect, DockerHub, Upstream
from local.registry.faults import Fault, pull_limit, unavailable
from tests.fixtures.cloud import SITE, Cloud, cloud

__all__ = ["cloud"]

ONE = images.static_site("one")
TWO = images.static_site("two")
CHILD = ONE.child(AMD64)
BLOB = next(CHILD.blobs())


HOUR = 3600


def test_the_first_read_goes_upstream_and_the_next_does_not(cloud: Cloud) -> None:
    assert cloud.wire.manifest(SITE, "latest").body == ONE.root.content
    asked = len(cloud.hub.requests)
    assert cloud.wire.manifest(SITE, "latest").body == ONE.root.content
    assert len(cloud.hub.requests) == asked


def test_the_upstream_is_asked_with_the_mirrors_own_account(cloud: Cloud) -> None:
    cloud.wire.manifest(SITE, "latest")
    assert {seen.identity for seen in cloud.asked("/manifests/")} == {"mirror"}


def test_without_an_account_the_mirror_has_an_address_of_its_own(cloud: Cloud) -> None:
    cloud.mirror.remote("docker").upstream.credentials = None
    cloud.hub.quota.exhaust("127.0.0.1")
    assert cloud.wire.manifest(SITE, "latest").status == 200
    assert cloud.hub.quota.headers("127.0.0.2")["ratelimit-remaining"].startswith("99;")


def test_a_moved_tag_is_seen_an_hour_later(cloud: Cloud) -> None:
    cloud.wire.manifest(SITE, "latest")
    cloud.hub.push(SITE, "latest", TWO)
    cloud.clock.advance(HOUR - 60)
    assert cloud.wire.manifest(SITE, "latest").digest == ONE.digest
    cloud.clock.advance(61)
    assert cloud.wire.manifest(SITE, "latest").digest == TWO.digest


def test_an_unmoved_tag_is_good_for_another_hour(cloud: Cloud) -> None:
    cloud.wire.manifest(SITE, "latest")
    cloud.clock.advance(HOUR + 1)
    cloud.wire.manifest(SITE, "latest")
    cloud.hub.push(SITE, "latest", TWO)
    cloud.clock.advance(HOUR - 60)
    assert cloud.wire.manifest(SITE, "latest").digest == ONE.digest


def test_a_read_by_digest_skips_the_tags_hour(cloud: Cloud) -> None:
    cloud.wire.manifest(SITE, "latest")
    cloud.hub.push(SITE, "latest", TWO)
    assert cloud.wire.manifest(SITE, TWO.digest).digest == TWO.digest
    assert cloud.wire.manifest(SITE, "latest").digest == ONE.digest


def test_what_is_stored_outlives_the_upstream(cloud: Cloud) -> None:
    cloud.wire.manifest(SITE, "latest")
    cloud.wire.manifest(SITE, CHILD.digest)
    cloud.wire.blob(SITE, BLOB.digest)
    cloud.hub.refuse_connections()
    cloud.clock.advance(24 * HOUR)
    assert cloud.wire.manifest(SITE, CHILD.digest).status == 200
    assert cloud.wire.blob(SITE, BLOB.digest).digest == BLOB.digest
    assert cloud.wire.manifest(SITE, ONE.child(ARM64).digest).status == 502


def test_twenty_readers_at_once_are_one_request_upstream(cloud: Cloud) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: cloud.wire.blob(SITE, BLOB.digest), range(20)))
        manifests = list(pool.map(lambda _: cloud.wire.manifest(SITE, "latest"), range(20)))
    assert {answer.digest for answer in answers} == {BLOB.digest}
    assert {answer.digest for answer in manifests} == {ONE.digest}
    assert len(cloud.asked("/blobs/")) == 1
    assert len(cloud.asked("/manifests/")) == 2  # the tag's HEAD, then the index by digest


def test_tags_are_those_that_were_asked_for(cloud: Cloud) -> None:
    cloud.hub.push(SITE, "other", TWO)
    cloud.wire.manifest(SITE, "latest")
    assert cloud.wire.tags(SITE).json()["tags"] == ["latest"]


def test_nothing_can_be_pushed(cloud: Cloud) -> None:
    assert cloud.wire.ask("PUT", f"/v2/sample-project/docker/{SITE}/manifests/x").status == 405
    assert cloud.wire.ask("POST", f"/v2/sample-project/docker/{SITE}/blobs/uploads/").status == 405


@pytest.mark.parametrize("fills", [False, True])
def test_a_head_may_fill_the_mirror(cloud: Cloud, fills: bool) -> None:
    cloud.mirror.doubts.head_fills = fills
    head = cloud.wire.manifest(SITE, "latest", method="HEAD")
    assert head.headers["Docker-Content-Digest"] == ONE.digest
    assert head.headers["Content-Length"] == str(len(ONE.root.content))
    cloud.hub.refuse_connections()
    assert cloud.wire.manifest(SITE, "latest").status == (200 if fills else 502)


@pytest.mark.parametrize("fills", [False, True])
def test_a_head_may_refresh_the_tag(cloud: Cloud, fills: bool) -> None:
    cloud.mirror.doubts.head_fills = fills
    cloud.wire.manifest(SITE, "latest")
    cloud.hub.push(SITE, "latest", TWO)
    cloud.clock.advance(HOUR + 1)
    head = cloud.wire.manifest(SITE, "latest", method="HEAD")
    assert head.headers["Docker-Content-Digest"] == TWO.digest
    tags = cloud.mirror.remote("docker").store.tags(SITE)
    assert tags["latest"] == (TWO.digest if fills else ONE.digest)


@pytest.mark.parametrize("fetches", [False, True])
def test_an_index_may_bring_what_it_names(cloud: Cloud, fetches: bool) -> None:
    cloud.mirror.doubts.index_fetches_children = fetches
    cloud.wire.manifest(SITE, "latest")
    cloud.hub.refuse_connections()
    for child in ONE.children:
        assert cloud.wire.manifest(SITE, child.digest).status == (200 if fetches else 502)
    assert cloud.wire.blob(SITE, BLOB.digest).status == (200 if fetches else 502)


def test_a_head_of_an_index_never_brings_what_it_names(cloud: Cloud) -> None:
    cloud.mirror.doubts.head_fills = cloud.mirror.doubts.index_fetches_children = True
    cloud.wire.manifest(SITE, "latest", method="HEAD")
    cloud.hub.refuse_connections()
    assert cloud.wire.manifest(SITE, CHILD.digest).status == 502


@pytest.mark.parametrize("served", [False, True])
@pytest.mark.parametrize("failure", ["down", "limit"])
def test_a_stale_tag_may_be_served(cloud: Cloud, served: bool, failure: str) -> None:
    cloud.mirror.doubts.stale_tag_served = served
    cloud.wire.manifest(SITE, "latest")
    cloud.clock.advance(HOUR + 1)
    if failure == "down":
        cloud.hub.refuse_connections()
    else:
        cloud.hub.faults.add(Fault(path="/manifests/", response=pull_limit().response))
    expected = 200 if served else {"down": 502, "limit": 429}[failure]
    assert cloud.wire.manifest(SITE, "latest").status == expected


@pytest.mark.parametrize("served", [False, True])
def test_a_tag_deleted_upstream_is_gone_after_its_hour(cloud: Cloud, served: bool) -> None:
    cloud.mirror.doubts.stale_tag_served = served
    cloud.wire.manifest(SITE, "latest")
    cloud.hub.delete_tag(SITE, "latest")
    assert cloud.wire.manifest(SITE, "latest").status == 200
    cloud.clock.advance(HOUR + 1)
    assert cloud.wire.manifest(SITE, "latest").status == 404
    assert cloud.wire.manifest(SITE, ONE.digest).status == 200


@pytest.mark.parametrize("one", [False, True])
def test_two_spellings_may_be_one_package(cloud: Cloud, one: bool) -> None:
    cloud.mirror.doubts.one_library_package = one
    cloud.hub.push("library/busybox", "1", ONE)
    for spelling in ("busybox", "library/busybox"):
        assert cloud.wire.manifest(spelling, "1").digest == ONE.digest
    packages = cloud.mirror.remote("docker").store.repositories()
    assert packages == (["busybox"] if one else ["busybox", "library/busybox"])


@pytest.mark.parametrize("refetches", [False, True])
def test_a_deleted_tag_may_be_asked_for_again_at_once(cloud: Cloud, refetches: bool) -> None:
    cloud.mirror.doubts.deletion_refetches = refetches
    cloud.wire.manifest(SITE, "latest")
    cloud.hub.push(SITE, "latest", TWO)
    assert cloud.mirror.remote("docker").delete_tag(SITE, "latest")
    expected = TWO if refetches else ONE
    assert cloud.wire.manifest(SITE, "latest").digest == expected.digest


def test_a_deleted_version_is_fetched_again(cloud: Cloud) -> None:
    cloud.wire.manifest(SITE, "latest")
    cloud.mirror.remote("docker").delete_version(SITE, ONE.digest)
    asked = len(cloud.asked("/manifests/"))
    assert cloud.wire.manifest(SITE, "latest").digest == ONE.digest
    assert len(cloud.asked("/manifests/")) > asked


def test_another_registry_is_mirrored_beside_docker_hub(cloud: Cloud, tmp_path: Path) -> None:
    with DockerHub(tmp_path / "ghcr", cloud.clock, names=GHCR) as ghcr:
        ghcr.quota.limit = None
        ghcr.push("stefanprodan/podinfo", "6", TWO)
        cloud.mirror.add_remote("ghcr", Upstream("ghcr.io", ghcr.hosts))
        cloud.mirror.add_virtual("all", {"docker": 100, "ghcr": 50})
        base = "/v2/sample-project"
        for repository in ("ghcr", "all"):
            path = f"{base}/{repository}/stefanprodan/podinfo/manifests/6"
            assert cloud.wire.ask("GET", path).digest == TWO.digest
        assert cloud.wire.ask("GET", f"{base}/all/{SITE}/manifests/latest").status == 200
        wrong = f"{base}/docker/stefanprodan/podinfo/manifests/6"
        assert cloud.wire.ask("GET", wrong).status == 404


def test_the_greater_priority_wins_and_only_what_is_missing_is_asked_of_the_next(
    cloud: Cloud, tmp_path: Path
) -> None:
    with DockerHub(tmp_path / "ghcr", cloud.clock, names=GHCR) as ghcr:
        ghcr.push(SITE, "latest", TWO)
        cloud.mirror.add_remote("ghcr", Upstream("ghcr.io", ghcr.hosts))
        cloud.mirror.add_virtual("all", {"ghcr": 50, "docker": 100})
        path = f"/v2/sample-project/all/{SITE}/manifests/latest"
        cloud.hub.faults.add(unavailable(path="/manifests/", times=1))
        assert cloud.wire.ask("GET", path).status == 502
        assert cloud.wire.ask("GET", path).digest == ONE.digest


@pytest.mark.parametrize("fills", [False, True])
def test_a_range_of_what_is_not_stored_may_store_it(cloud: Cloud, fills: bool) -> None:
    cloud.mirror.doubts.range_fills = fills
    part = cloud.wire.blob(SITE, BLOB.digest, span="bytes=2-5")
    assert (part.status, len(part.body)) == (206, 4)
    assert part.headers["Content-Range"] == f"bytes 2-5/{BLOB.size}"
    whole = cloud.wire.blob(SITE, BLOB.digest)
    assert (whole.digest, whole.body[2:6]) == (BLOB.digest, part.body)
    assert len(cloud.asked("/blobs/")) == (1 if fills else 2)


@pytest.mark.parametrize("redirect", BlobRedirect)
def test_ranges_may_be_ignored(cloud: Cloud, redirect: BlobRedirect) -> None:
    cloud.mirror.blob_redirect = redirect
    cloud.mirror.doubts.ignores_ranges = True
    answer = cloud.wire.blob(SITE, BLOB.digest, span="bytes=2-5")
    assert (answer.status, answer.digest) == (200, BLOB.digest)
