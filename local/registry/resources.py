"""Resources of the Artifact Registry API, made from what a remote repository has stored.

Slashes inside a name are escaped, ``packages/library%2Fnginx``; nothing else is.
https://docs.cloud.google.com/artifact-registry/docs/reference/rpc/google.devtools.artifactregistry.v1
"""

import json
from urllib.parse import quote

from google.cloud import artifactregistry_v1 as api

from local.registry.content import Stored
from local.registry.distribution import INDEX_TYPES
from local.registry.mirror import Mirror
from local.registry.remote import Remote, Virtual


def repository(mirror: Mirror, stored: Remote | Virtual) -> api.Repository:
    parent = f"projects/{mirror.project}/locations/{mirror.location}"
    described = api.Repository(
        name=f"{parent}/repositories/{stored.name}",
        format_=api.Repository.Format.DOCKER,
        mode=(
            api.Repository.Mode.VIRTUAL_REPOSITORY
            if isinstance(stored, Virtual)
            else api.Repository.Mode.REMOTE_REPOSITORY
        ),
        registry_uri=f"{mirror.host}/{mirror.project}/{stored.name}",
    )
    if isinstance(stored, Remote):
        described.remote_repository_config = _remote_config(mirror, stored)
        return described
    described.virtual_repository_config = api.VirtualRepositoryConfig(
        upstream_policies=[
            api.UpstreamPolicy(
                id=name, repository=f"{parent}/repositories/{name}", priority=priority
            )
            for name, priority in stored.priorities.items()
        ]
    )
    return described


def _remote_config(mirror: Mirror, stored: Remote) -> api.RemoteRepositoryConfig:
    upstream = stored.upstream
    config = api.RemoteRepositoryConfig()
    if upstream.registry == "registry-1.docker.io":
        kind = api.RemoteRepositoryConfig.DockerRepository
        config.docker_repository = kind(public_repository=kind.PublicRepository.DOCKER_HUB)
    else:
        config.common_repository = api.RemoteRepositoryConfig.CommonRemoteRepository(
            uri=f"https://{upstream.registry}"
        )
    if upstream.credentials:
        credentials = api.RemoteRepositoryConfig.UpstreamCredentials
        config.upstream_credentials = credentials(
            username_password_credentials=credentials.UsernamePasswordCredentials(
                username=upstream.credentials[0],
                password_secret_version=(
                    f"projects/{mirror.project}/secrets/{stored.name}/versions/latest"
                ),
            )
        )
    return config


def package(parent: str, remote: Remote, name: str) -> api.Package:
    versions = remote.store.manifests(name)
    return api.Package(
        name=f"{parent}/packages/{_escaped(name)}",
        display_name=name,
        create_time=min(version.created for version in versions),
        update_time=max(version.updated for version in versions),
    )


def version(
    parent: str, remote: Remote, name: str, stored: Stored, view: api.VersionView
) -> api.Version:
    described = api.Version(
        name=f"{parent}/packages/{_escaped(name)}/versions/{stored.digest}",
        create_time=stored.created,
        update_time=stored.updated,
    )
    if view == api.VersionView.FULL:
        described.related_tags = [
            tag(parent, name, each, stored.digest) for each in _tags_of(remote, name, stored)
        ]
    return described


def tag(parent: str, name: str, called: str, digest: str) -> api.Tag:
    place = f"{parent}/packages/{_escaped(name)}"
    return api.Tag(name=f"{place}/tags/{called}", version=f"{place}/versions/{digest}")


def docker_image(
    mirror: Mirror, parent: str, remote: Remote, name: str, stored: Stored
) -> api.DockerImage:
    document = json.loads(stored.content)
    is_index = stored.media_type in INDEX_TYPES
    blobs = [] if is_index else [document["config"], *document["layers"]]
    return api.DockerImage(
        name=f"{parent}/dockerImages/{_escaped(name)}@{stored.digest}",
        uri=f"{mirror.host}/{mirror.project}/{remote.name}/{name}@{stored.digest}",
        tags=_tags_of(remote, name, stored),
        image_size_bytes=len(stored.content) + sum(blob["size"] for blob in blobs),
        upload_time=stored.created,
        update_time=stored.updated,
        media_type=stored.media_type,
        image_manifests=[
            api.ImageManifest(
                architecture=entry.get("platform", {}).get("architecture", ""),
                os=entry.get("platform", {}).get("os", ""),
                variant=entry.get("platform", {}).get("variant", ""),
                digest=entry["digest"],
                media_type=entry["mediaType"],
            )
            for entry in (document["manifests"] if is_index else [])
        ],
    )


def _tags_of(remote: Remote, name: str, stored: Stored) -> list[str]:
    tags = remote.store.tags(name).items()
    return [called for called, digest in tags if digest == stored.digest]


def _escaped(name: str) -> str:
    return quote(name, safe="")
