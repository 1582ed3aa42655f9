"""What the local Docker Hub serves, to whom, and from which host."""

from dataclasses import replace
from pathlib import Path

import pytest

from local import images
from local.clock import Clock
from local.images import AMD64, ARM64, DOCKER, OCI
from local.registry import DockerHub
from tests.fixtures.wire import Answer, Wire
from tests.local.hub_visitors import ALICE, REGISTRY, SITE, alice, anonymous, clock, hub

__all__ = ["alice", "anonymous", "clock", "hub"]


def test_anybody_may_pull_with_a_token(anonymous: Wire) -> None:
    assert anonymous.manifest(SITE, "latest").digest == images.static_site("one").digest


def test_the_challenge_names_the_production_hosts_to_who_uses_them(anonymous: Wire) -> None:
    answer = anonymous.send("GET", f"{REGISTRY}/v2/{SITE}/manifests/latest")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == (
        'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
        f'scope="repository:{SITE}:pull"'
    )


def test_the_challenge_names_the_local_address_to_who_uses_that(hub: DockerHub) -> None:
    answer = Wire(address=hub.address).send("GET", f"{hub.address}/v2/")
    assert f'realm="{hub.address}/token"' in answer.headers["WWW-Authenticate"]


def test_a_host_that_is_not_its_own_is_refused(hub: DockerHub) -> None:
    wire = Wire(address=REGISTRY, hosts={"quay.io": hub.address})
    assert wire.send("GET", "https://quay.io/v2/").status == 421


def test_a_wrong_access_token_gets_no_bearer_token(anonymous: Wire) -> None:
    url = f"https://auth.docker.io/token?scope=repository:{SITE}:pull"
    answer = anonymous.send("GET", url, {"Authorization": "Basic YWxpY2U6d3Jvbmc="})
    assert answer.status == 401
    assert answer.json() == {"details": "incorrect username or password"}


def test_an_expired_token_is_invalid(anonymous: Wire, clock: Clock) -> None:
    token = anonymous.token(f'Bearer realm="https://auth.docker.io/token",scope="{_pull(SITE)}"')
    used = replace(anonymous, bearer=token)
    assert used.manifest(SITE, "latest").status == 200
    clock.advance(301)
    answer = used.manifest(SITE, "latest")
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_token_for_another_repository_is_not_enough(hub: DockerHub, anonymous: Wire) -> None:
    hub.push("library/busybox", "1", images.static_site("two"))
    scope = _pull("library/busybox")
    token = anonymous.token(f'Bearer realm="https://auth.docker.io/token",scope="{scope}"')
    answer = replace(anonymous, bearer=token).manifest(SITE, "latest")
    assert answer.status == 401
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_a_token_of_another_server_is_invalid(
    hub: DockerHub, anonymous: Wire, tmp_path: Path
) -> None:
    with DockerHub(tmp_path / "other", Clock()) as other:
        other.push(SITE, "latest", images.static_site("one"))
        foreign = Wire(address=REGISTRY, hosts=other.hosts)
        token = foreign.token(f'Bearer realm="https://auth.docker.io/token",scope="{_pull(SITE)}"')
    assert replace(anonymous, bearer=token).manifest(SITE, "latest").status == 401


@pytest.mark.parametrize("login", [None, ALICE])
def test_a_repository_that_does_not_exist_is_unauthorized(
    anonymous: Wire, login: tuple[str, str] | None
) -> None:
    answer = replace(anonymous, login=login).manifest("nobody/nothing", "latest")
    assert answer.status == 401
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_a_private_repository_is_hidden_from_strangers(
    hub: DockerHub, anonymous: Wire, alice: Wire
) -> None:
    hub.private.add(SITE)
    assert anonymous.manifest(SITE, "latest").status == 401
    assert alice.manifest(SITE, "latest").status == 200


def test_official_images_live_under_library(hub: DockerHub, anonymous: Wire) -> None:
    hub.push("library/busybox", "1", images.static_site("two"))
    assert anonymous.manifest("library/busybox", "1").status == 200
    assert anonymous.manifest("busybox", "1").status == 401


def test_strangers_cannot_push(anonymous: Wire) -> None:
    assert anonymous.ask("POST", f"/v2/{SITE}/blobs/uploads/").status == 401
    assert anonymous.ask("PUT", f"/v2/{SITE}/manifests/latest").status == 401


def test_a_blob_is_on_another_host(anonymous: Wire) -> None:
    blob = next(images.static_site("one").blobs())
    answer = anonymous.blob(SITE, blob.digest)
    assert answer.redirects == ("production.cloudflare.docker.com",)
    assert answer.digest == blob.digest


def test_locally_the_other_host_has_another_name(hub: DockerHub) -> None:
    blob = next(images.static_site("one").blobs())
    answer = Wire(address=hub.address).blob(SITE, blob.digest)
    assert answer.redirects == (f"localhost:{hub.port}",)
    assert answer.digest == blob.digest


def test_the_other_host_refuses_a_second_credential(anonymous: Wire) -> None:
    answer = anonymous.send("GET", _blob_address(anonymous), {"Authorization": "Bearer x"})
    assert answer.status == 400
    assert answer.error()["message"] == "Only one auth mechanism allowed"


def test_a_signed_address_expires(anonymous: Wire, clock: Clock) -> None:
    address = _blob_address(anonymous)
    assert anonymous.send("GET", address).status == 200
    clock.advance(1201)
    assert anonymous.send("GET", address).status == 403


def test_a_signature_is_good_for_its_blob_only(anonymous: Wire) -> None:
    address = _blob_address(anonymous)
    assert anonymous.send("GET", address[:-1] + ("A" if address[-1] != "A" else "B")).status == 403


def test_without_index_types_a_tag_is_its_amd64_child(anonymous: Wire) -> None:
    answer = anonymous.manifest(SITE, "latest", accept=OCI.manifest)
    assert answer.digest == images.static_site("one").child(AMD64).digest
    assert answer.headers["Docker-Content-Digest"] == answer.digest


def test_any_type_is_not_an_index_type(anonymous: Wire) -> None:
    answer = anonymous.manifest(SITE, "latest", accept="*/*")
    assert answer.headers["Content-Type"] == OCI.manifest


def test_without_index_types_an_index_without_amd64_is_not_found(
    hub: DockerHub, anonymous: Wire
) -> None:
    hub.push(SITE, "arm", images.index(images.site("one", platform=ARM64)))
    assert anonymous.manifest(SITE, "arm", accept=OCI.manifest).status == 404


def test_dockers_own_types_are_kept(hub: DockerHub, anonymous: Wire) -> None:
    hub.push(SITE, "docker", images.static_site("one", form=DOCKER))
    assert anonymous.manifest(SITE, "docker").headers["Content-Type"] == DOCKER.index


def test_a_tag_moves_and_can_be_deleted(hub: DockerHub, anonymous: Wire) -> None:
    first = hub.tags(SITE)["latest"]
    second = hub.push(SITE, "latest", images.static_site("two"))
    assert anonymous.manifest(SITE, "latest").digest == second
    hub.tag(SITE, "latest", first)
    assert anonymous.manifest(SITE, "latest").digest == first
    hub.delete_tag(SITE, "latest")
    assert anonymous.manifest(SITE, "latest").status == 404
    assert anonymous.manifest(SITE, first).status == 200


def test_a_tag_cannot_point_to_nothing(hub: DockerHub) -> None:
    with pytest.raises(LookupError, match="has no manifest"):
        hub.tag(SITE, "latest", "sha256:" + "0" * 64)


def test_tags_come_in_pages(hub: DockerHub, anonymous: Wire) -> None:
    for tag in ("a", "b", "c"):
        hub.tag(SITE, tag, hub.tags(SITE)["latest"])
    first = anonymous.tags(SITE, "?n=3")
    assert first.json() == {"name": SITE, "tags": ["a", "b", "c"]}
    link = first.headers["Link"]
    assert link == f'</v2/{SITE}/tags/list?last=c&n=3>; rel="next"'
    second = anonymous.ask("GET", link[1 : link.index(">")])
    assert second.json()["tags"] == ["latest"]
    assert "Link" not in second.headers


def test_a_manifest_cannot_name_what_is_not_there(alice: Wire, hub: DockerHub) -> None:
    scope = f"repository:{SITE}:pull,push"
    token = alice.token(f'Bearer realm="https://auth.docker.io/token",scope="{scope}"')
    image = images.site("never pushed")
    answer = _put(replace(alice, bearer=token), "new", image.root.content, OCI.manifest)
    assert answer.status == 404
    assert answer.error()["code"] == "MANIFEST_BLOB_UNKNOWN"
    assert "new" not in hub.tags(SITE)


def test_requests_are_logged_with_who_made_them(hub: DockerHub, alice: Wire) -> None:
    alice.manifest(SITE, "latest", method="HEAD")
    seen = hub.requests[-1]
    assert (seen.method, seen.host, seen.status, seen.identity) == (
        "HEAD",
        "registry-1.docker.io",
        200,
        "alice",
    )


def test_content_survives_a_restart(hub: DockerHub, tmp_path: Path, clock: Clock) -> None:
    hub.close()
    with DockerHub(tmp_path, clock) as again:
        assert again.tags(SITE) == {"latest": images.static_site("one").digest}
        wire = Wire(address=REGISTRY, hosts=again.hosts)
        assert wire.manifest(SITE, "latest").status == 200


def _pull(name: str) -> str:
    return f"repository:{name}:pull"


def _blob_address(wire: Wire) -> str:
    """The signed address of one blob."""
    blob = next(images.static_site("one").blobs())
    token = wire.token(f'Bearer realm="https://auth.docker.io/token",scope="{_pull(SITE)}"')
    url = f"{REGISTRY}/v2/{SITE}/blobs/{blob.digest}"
    return wire.send("GET", url, {"Authorization": f"Bearer {token}"}).headers["Location"]


def _put(wire: Wire, tag: str, content: bytes, media_type: str) -> Answer:
    headers = {"Authorization": f"Bearer {wire.bearer}", "Content-Type": media_type}
    return wire.send("PUT", f"{REGISTRY}/v2/{SITE}/manifests/{tag}", headers, content)
