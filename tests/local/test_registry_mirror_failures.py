"""The stand-in for a remote repository when its upstream fails, and when it fails itself."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from local import images
from local.images import AMD64
from local.registry import GHCR, DockerHub, Upstream
from local.registry.faults import Fault, unavailable
from local.registry.wire import Response
from tests.fixtures.cloud import SITE, Cloud, cloud

__all__ = ["cloud"]

ONE = images.static_site("one")
TWO = images.static_site("two")
CHILD = ONE.child(AMD64)
BLOB = next(CHILD.blobs())


def test_a_name_that_is_not_upstream_is_not_found(cloud: Cloud) -> None:
    for name, tag in ((SITE, "no-such-tag"), ("nobody/nothing", "latest")):
        answer = cloud.wire.manifest(name, tag)
        assert answer.status == 404
        assert answer.error()["message"] == (
            "Received invalid response from external repository; "
            f"url=https://registry-1.docker.io/v2/{name}/manifests/{tag}."
        )


def test_the_upstreams_limit_is_an_exhausted_resource(cloud: Cloud) -> None:
    cloud.hub.quota.exhaust(cloud.hub.source_of("mirror"))
    answer = cloud.wire.manifest(SITE, "latest")
    assert answer.status == 429
    assert answer.error()["message"] == "Resource has been exhausted (e.g. check quota)."
    assert not [name for name in answer.headers if "ratelimit" in name.lower()]


def test_an_upstream_that_fails_is_a_bad_gateway(cloud: Cloud) -> None:
    cloud.hub.faults.add(unavailable(503, path="/manifests/"))
    answer = cloud.wire.manifest(SITE, "latest")
    assert answer.status == 502
    assert "Received invalid http status code 503" in answer.error()["message"]


@pytest.mark.parametrize("to", ["https://elsewhere.example.com/x", "/v2/round/and/round"])
def test_a_redirect_that_leads_nowhere_is_a_bad_gateway(cloud: Cloud, to: str) -> None:
    redirect = Response(status=307, headers={"Location": to})
    cloud.hub.faults.add(Fault(path="/v2/", response=redirect))
    answer = cloud.wire.manifest(SITE, "latest")
    assert answer.status == 502
    assert answer.error()["message"].startswith("Received invalid redirect URL")
    assert answer.error()["message"].endswith(to)


def test_wrong_upstream_credentials_are_a_bad_gateway(cloud: Cloud) -> None:
    cloud.mirror.remote("docker").upstream.credentials = ("mirror", "revoked")
    answer = cloud.wire.manifest(SITE, "latest")
    assert answer.status == 502
    assert "Received invalid http status code 401" in answer.error()["message"]


@pytest.mark.parametrize("damage", [Fault(cut_after=100), Fault(corrupt=True)])
def test_a_blob_that_arrives_damaged_is_not_stored(cloud: Cloud, damage: Fault) -> None:
    cloud.hub.faults.add(replace(damage, path="/blobs/", times=1))
    answer = cloud.wire.blob(SITE, BLOB.digest)
    assert answer.status == 502
    assert cloud.wire.blob(SITE, BLOB.digest).digest == BLOB.digest


@pytest.mark.parametrize("damage", [Fault(cut_after=100), Fault(corrupt=True)])
def test_a_manifest_that_arrives_damaged_is_not_stored(cloud: Cloud, damage: Fault) -> None:
    cloud.hub.faults.add(replace(damage, path="/manifests/", times=1))
    assert cloud.wire.manifest(SITE, ONE.digest).status == 502
    assert cloud.mirror.remote("docker").store.manifests(SITE) == []
    assert cloud.wire.manifest(SITE, ONE.digest).digest == ONE.digest


def test_the_mirror_can_fail_by_itself(cloud: Cloud) -> None:
    cloud.mirror.faults.add(unavailable(500, times=1))
    assert cloud.wire.manifest(SITE, "latest").status == 500
    assert cloud.hub.requests == []


def test_the_upstream_is_asked_over_tls(cloud: Cloud, tmp_path: Path) -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    with DockerHub(tmp_path / "tls", cloud.clock, names=GHCR, tls=server) as secured:
        secured.push(SITE, "latest", TWO)
        cloud.mirror.add_remote("tls", Upstream("ghcr.io", secured.hosts, tls=client))
        path = f"/v2/sample-project/tls/{SITE}"
        blob = next(TWO.blobs())
        assert cloud.wire.ask("GET", f"{path}/manifests/latest").digest == TWO.digest
        assert cloud.wire.ask("GET", f"{path}/blobs/{blob.digest}").digest == blob.digest
