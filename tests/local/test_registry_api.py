"""Artifact Registry's API over what the mirror has stored, with Google's own client."""

import logging
from collections.abc import Iterator
from concurrent import futures
from datetime import datetime, timedelta
from typing import cast

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as api
from google.cloud.artifactregistry_v1.services.artifact_registry import transports

from local import images
from local.images import AMD64, ARM64
from local.registry import Upstream
from local.registry.artifact_registry import add_artifact_registry
from tests.fixtures.cloud import SITE, Cloud, cloud

__all__ = ["cloud"]

ONE = images.static_site("one")
TWO = images.static_site("two")
CHILD = ONE.child(AMD64)
LOCATION = "projects/sample-project/locations/asia-northeast1"
DOCKER = f"{LOCATION}/repositories/docker"
PACKAGE = f"{DOCKER}/packages/dockersamples%2Fstatic-site"


@pytest.fixture
def address(cloud: Cloud) -> Iterator[str]:
    server = grpc.server(futures.ThreadPoolExecutor(4))
    add_artifact_registry(server, cloud.mirror)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def client(address: str) -> Iterator[api.ArtifactRegistryClient]:
    with grpc.insecure_channel(address) as channel:
        transport = transports.ArtifactRegistryGrpcTransport(channel=channel)
        yield api.ArtifactRegistryClient(transport=transport)


@pytest.fixture
def stocked(cloud: Cloud) -> Cloud:
    """With an index and the one child of it that was pulled."""
    cloud.wire.manifest(SITE, "latest")
    cloud.wire.manifest(SITE, CHILD.digest)
    return cloud


def test_a_remote_repository_says_what_is_behind_it(
    cloud: Cloud, client: api.ArtifactRegistryClient
) -> None:
    cloud.mirror.add_remote("ghcr", Upstream("ghcr.io", {}))
    docker = client.get_repository(name=DOCKER)
    assert docker.format_ == api.Repository.Format.DOCKER
    assert docker.mode == api.Repository.Mode.REMOTE_REPOSITORY
    assert docker.registry_uri == "asia-northeast1-docker.pkg.dev/sample-project/docker"
    remote = docker.remote_repository_config
    kind = api.RemoteRepositoryConfig.DockerRepository.PublicRepository
    assert remote.docker_repository.public_repository == kind.DOCKER_HUB
    credentials = remote.upstream_credentials.username_password_credentials
    assert credentials.username == "mirror"
    ghcr = client.get_repository(name=f"{LOCATION}/repositories/ghcr").remote_repository_config
    assert ghcr.common_repository.uri == "https://ghcr.io"
    assert "upstream_credentials" not in ghcr


def test_a_virtual_repository_names_its_upstreams(
    cloud: Cloud, client: api.ArtifactRegistryClient
) -> None:
    cloud.mirror.add_virtual("all", {"docker": 7})
    virtual = client.get_repository(name=f"{LOCATION}/repositories/all")
    assert virtual.mode == api.Repository.Mode.VIRTUAL_REPOSITORY
    [policy] = virtual.virtual_repository_config.upstream_policies
    assert (policy.repository, policy.priority) == (DOCKER, 7)
    assert [each.name.rpartition("/")[2] for each in client.list_repositories(parent=LOCATION)] == [
        "docker",
        "all",
    ]


def test_only_what_was_pulled_is_listed(stocked: Cloud, client: api.ArtifactRegistryClient) -> None:
    [package] = client.list_packages(parent=DOCKER)
    assert package.name == PACKAGE
    assert package.display_name == SITE
    versions = {version.name for version in client.list_versions(parent=PACKAGE)}
    assert versions == {f"{PACKAGE}/versions/{ONE.digest}", f"{PACKAGE}/versions/{CHILD.digest}"}


def test_the_upstream_is_not_asked(stocked: Cloud, client: api.ArtifactRegistryClient) -> None:
    stocked.hub.push(SITE, "latest", TWO)
    asked = len(stocked.hub.requests)
    tag = client.get_tag(name=f"{PACKAGE}/tags/latest")
    assert tag.version == f"{PACKAGE}/versions/{ONE.digest}"
    with pytest.raises(exceptions.NotFound):
        client.get_version(name=f"{PACKAGE}/versions/{TWO.digest}")
    assert len(stocked.hub.requests) == asked


def test_tags_come_with_a_version_only_when_asked_for(
    stocked: Cloud, client: api.ArtifactRegistryClient
) -> None:
    name = f"{PACKAGE}/versions/{ONE.digest}"
    basic = client.get_version(name=name)
    full = client.get_version(request={"name": name, "view": api.VersionView.FULL})
    assert list(basic.related_tags) == []
    assert [tag.name for tag in full.related_tags] == [f"{PACKAGE}/tags/latest"]


def test_times_are_those_of_the_movable_clock(
    stocked: Cloud, client: api.ArtifactRegistryClient
) -> None:
    stocked.clock.advance(86_400)
    stocked.wire.manifest(SITE, ONE.child(ARM64).digest)
    names = (f"{PACKAGE}/versions/{image.digest}" for image in (CHILD, ONE.child(ARM64)))
    # What the client gives is a datetime, whatever its annotations say.
    old, new = (cast("datetime", client.get_version(name=name).create_time) for name in names)
    assert new - old >= timedelta(days=1)


def test_a_moved_tag_updates_its_version(
    stocked: Cloud, client: api.ArtifactRegistryClient
) -> None:
    stocked.hub.push(SITE, "latest", TWO)
    stocked.clock.advance(3601)
    stocked.wire.manifest(SITE, "latest")
    assert client.get_tag(name=f"{PACKAGE}/tags/latest").version.endswith(TWO.digest)
    old = client.get_version(
        request={"name": f"{PACKAGE}/versions/{ONE.digest}", "view": api.VersionView.FULL}
    )
    assert list(old.related_tags) == []


def test_an_image_says_its_tags_its_size_and_its_platforms(
    stocked: Cloud, client: api.ArtifactRegistryClient
) -> None:
    parent = f"{DOCKER}/dockerImages/dockersamples%2Fstatic-site"
    index = client.get_docker_image(name=f"{parent}@{ONE.digest}")
    assert list(index.tags) == ["latest"]
    assert [entry.architecture for entry in index.image_manifests] == ["amd64", "arm64"]
    child = client.get_docker_image(name=f"{parent}@{CHILD.digest}")
    blobs = sum(blob.size for blob in CHILD.blobs())
    assert child.image_size_bytes == len(CHILD.root.content) + blobs
    assert child.uri == (
        f"asia-northeast1-docker.pkg.dev/sample-project/docker/{SITE}@{CHILD.digest}"
    )


def test_lists_come_in_pages(stocked: Cloud, client: api.ArtifactRegistryClient) -> None:
    pager = client.list_docker_images(request={"parent": DOCKER, "page_size": 1})
    pages = [[image.name for image in page.docker_images] for page in pager.pages]
    assert [len(page) for page in pages] == [1, 1]
    assert len({name for page in pages for name in page}) == 2


def test_images_can_be_ordered_by_their_update(
    stocked: Cloud, client: api.ArtifactRegistryClient
) -> None:
    stocked.hub.push(SITE, "other", TWO)
    stocked.clock.advance(60)
    stocked.wire.manifest(SITE, TWO.digest)
    found = client.list_docker_images(request={"parent": DOCKER, "order_by": "update_time desc"})
    assert next(iter(found)).name.endswith(TWO.digest)


def test_tags_can_be_filtered_by_name(stocked: Cloud, client: api.ArtifactRegistryClient) -> None:
    stocked.hub.push(SITE, "1.2", TWO)
    stocked.wire.manifest(SITE, "1.2")
    request = {"parent": PACKAGE, "filter": f'name="{PACKAGE}/tags/1.*"'}
    assert [tag.name for tag in client.list_tags(request=request)] == [f"{PACKAGE}/tags/1.2"]


def test_a_deleted_tag_is_gone_until_it_is_pulled(
    stocked: Cloud, client: api.ArtifactRegistryClient
) -> None:
    client.delete_tag(name=f"{PACKAGE}/tags/latest")
    assert list(client.list_tags(parent=PACKAGE)) == []
    with pytest.raises(exceptions.NotFound):
        client.delete_tag(name=f"{PACKAGE}/tags/latest")
    stocked.wire.manifest(SITE, "latest")
    assert len(list(client.list_tags(parent=PACKAGE))) == 1


@pytest.mark.parametrize(
    "name",
    [
        f"{DOCKER}/packages/dockersamples%2Fother/tags/latest",
        f"{PACKAGE}/tags/no-such",
        f"{PACKAGE.replace('docker/', 'other/')}/tags/latest",
        f"{PACKAGE.replace('sample-project', 'other-project')}/tags/latest",
    ],
)
def test_what_does_not_exist_is_not_found(
    stocked: Cloud, client: api.ArtifactRegistryClient, name: str
) -> None:
    with pytest.raises(exceptions.NotFound):
        client.get_tag(name=name)


def test_a_slash_must_be_escaped(stocked: Cloud, client: api.ArtifactRegistryClient) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="expected projects/"):
        client.get_tag(name=f"{DOCKER}/packages/{SITE}/tags/latest")


def test_what_is_not_implemented_is_refused_and_logged(
    stocked: Cloud, client: api.ArtifactRegistryClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(exceptions.MethodNotImplemented):
        client.list_rules(parent=DOCKER)
    with caplog.at_level(logging.WARNING), pytest.raises(exceptions.MethodNotImplemented):
        client.list_tags(request={"parent": PACKAGE, "filter": 'owner="me"'})
    assert len(caplog.records) == 2


def test_a_token_must_be_one_of_the_local_cloud(
    stocked: Cloud, client: api.ArtifactRegistryClient
) -> None:
    good = [("authorization", "Bearer ya29.local.someone@example.com")]
    assert client.get_repository(name=DOCKER, metadata=good).name == DOCKER
    with pytest.raises(exceptions.Unauthenticated):
        client.get_repository(name=DOCKER, metadata=[("authorization", "Bearer ya29.made-up")])
