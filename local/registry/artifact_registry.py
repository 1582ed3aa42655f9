"""The Artifact Registry API over gRPC, as far as a reader of remote repositories uses it.

It lists what is stored and never asks the upstream. Whatever else is called is refused, and said.
https://docs.cloud.google.com/artifact-registry/docs/reference/rpc/google.devtools.artifactregistry.v1
"""

import logging
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import unquote

import grpc
from google.cloud import artifactregistry_v1 as api
from google.protobuf import empty_pb2

from local.registry import resources
from local.registry.api_names import (
    REPOSITORY,
    Refusal,
    existing,
    missing,
    named,
    page_of,
    parts_of,
    refuse_order,
    split,
)
from local.registry.content import Stored
from local.registry.identity import account_of
from local.registry.mirror import Mirror
from local.registry.remote import Remote, Virtual

log = logging.getLogger(__name__)

SERVICE = "google.devtools.artifactregistry.v1.ArtifactRegistry"


class ArtifactRegistry:
    """Each method is the one of the service that its name says."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror

    def get_repository(self, request: api.GetRepositoryRequest) -> api.Repository:
        return resources.repository(self._mirror, self._repository(request.name))

    def list_repositories(
        self, request: api.ListRepositoriesRequest
    ) -> api.ListRepositoriesResponse:
        parts_of(request.parent, "projects", "locations")
        refuse_order(request.order_by)
        found = [
            resources.repository(self._mirror, each)
            for each in self._mirror.repositories.values()
            if resources.repository(self._mirror, each).name.startswith(f"{request.parent}/")
        ]
        page, token = page_of(named(found, request.filter), request)
        return api.ListRepositoriesResponse(repositories=page, next_page_token=token)

    def get_package(self, request: api.GetPackageRequest) -> api.Package:
        parent, remote, name = self._package(request.name)
        return resources.package(parent, remote, name)

    def list_packages(self, request: api.ListPackagesRequest) -> api.ListPackagesResponse:
        refuse_order(request.order_by)
        remote = self._remote(request.parent)
        found = [
            resources.package(request.parent, remote, name)
            for name in remote.store.repositories()
            if remote.store.manifests(name)
        ]
        page, token = page_of(named(found, request.filter), request)
        return api.ListPackagesResponse(packages=page, next_page_token=token)

    def get_version(self, request: api.GetVersionRequest) -> api.Version:
        place, digest = split(request.name, "versions")
        parent, remote, name = self._package(place)
        stored = existing(remote.store.manifest(name, digest), request.name)
        return resources.version(parent, remote, name, stored, request.view)

    def list_versions(self, request: api.ListVersionsRequest) -> api.ListVersionsResponse:
        refuse_order(request.order_by)
        parent, remote, name = self._package(request.parent)
        found = [
            resources.version(parent, remote, name, stored, request.view)
            for stored in remote.store.manifests(name)
        ]
        page, token = page_of(named(found, request.filter), request)
        return api.ListVersionsResponse(versions=page, next_page_token=token)

    def get_tag(self, request: api.GetTagRequest) -> api.Tag:
        place, called = split(request.name, "tags")
        parent, remote, name = self._package(place)
        digest = existing(remote.store.tags(name).get(called), request.name)
        return resources.tag(parent, name, called, digest)

    def list_tags(self, request: api.ListTagsRequest) -> api.ListTagsResponse:
        parent, remote, name = self._package(request.parent)
        found = [
            resources.tag(parent, name, called, digest)
            for called, digest in remote.store.tags(name).items()
        ]
        page, token = page_of(named(found, request.filter), request)
        return api.ListTagsResponse(tags=page, next_page_token=token)

    def delete_tag(self, request: api.DeleteTagRequest) -> empty_pb2.Empty:
        place, called = split(request.name, "tags")
        _, remote, name = self._package(place)
        existing(remote.delete_tag(name, called) or None, request.name)
        return empty_pb2.Empty()

    def get_docker_image(self, request: api.GetDockerImageRequest) -> api.DockerImage:
        parent, called = split(request.name, "dockerImages")
        remote = self._remote(parent)
        name, _, digest = unquote(called).partition("@")
        stored = existing(remote.store.manifest(name, digest), request.name)
        return resources.docker_image(self._mirror, parent, remote, name, stored)

    def list_docker_images(
        self, request: api.ListDockerImagesRequest
    ) -> api.ListDockerImagesResponse:
        remote = self._remote(request.parent)
        found: list[tuple[str, Stored]] = [
            (name, stored)
            for name in remote.store.repositories()
            for stored in remote.store.manifests(name)
        ]
        if request.order_by == "update_time desc":
            found.sort(key=lambda item: item[1].updated, reverse=True)
        else:
            refuse_order(request.order_by)
        page, token = page_of(found, request)
        images = [
            resources.docker_image(self._mirror, request.parent, remote, name, stored)
            for name, stored in page
        ]
        return api.ListDockerImagesResponse(docker_images=images, next_page_token=token)

    def _repository(self, name: str) -> Remote | Virtual:
        project, location, called = parts_of(name, *REPOSITORY)
        here = (project, location) == (self._mirror.project, self._mirror.location)
        if not here or called not in self._mirror.repositories:
            raise missing(name)
        return self._mirror.repositories[called]

    def _remote(self, name: str) -> Remote:
        found = self._repository(name)
        if isinstance(found, Virtual):
            raise Refusal(grpc.StatusCode.UNIMPLEMENTED, "content of a virtual repository")
        return found

    def _package(self, name: str) -> tuple[str, Remote, str]:
        """The repository's name, the repository, and the package inside it."""
        parent, called = split(name, "packages")
        remote = self._remote(parent)
        called = unquote(called)
        return parent, remote, existing(called if remote.store.manifests(called) else None, name)


def add_artifact_registry(server: grpc.Server, mirror: Mirror) -> None:
    """Let *server* answer for the repositories of *mirror*."""
    service = ArtifactRegistry(mirror)
    methods: dict[str, tuple[Callable[[Any], Any], Any, Any]] = {
        "DeleteTag": (service.delete_tag, api.DeleteTagRequest, empty_pb2.Empty),
        "GetDockerImage": (service.get_docker_image, api.GetDockerImageRequest, api.DockerImage),
        "GetPackage": (service.get_package, api.GetPackageRequest, api.Package),
        "GetRepository": (service.get_repository, api.GetRepositoryRequest, api.Repository),
        "GetTag": (service.get_tag, api.GetTagRequest, api.Tag),
        "GetVersion": (service.get_version, api.GetVersionRequest, api.Version),
        "ListDockerImages": (
            service.list_docker_images,
            api.ListDockerImagesRequest,
            api.ListDockerImagesResponse,
        ),
        "ListPackages": (
            service.list_packages,
            api.ListPackagesRequest,
            api.ListPackagesResponse,
        ),
        "ListRepositories": (
            service.list_repositories,
            api.ListRepositoriesRequest,
            api.ListRepositoriesResponse,
        ),
        "ListTags": (service.list_tags, api.ListTagsRequest, api.ListTagsResponse),
        "ListVersions": (
            service.list_versions,
            api.ListVersionsRequest,
            api.ListVersionsResponse,
        ),
    }
    server.add_generic_rpc_handlers((_Handlers(methods),))


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, methods: dict[str, tuple[Callable[[Any], Any], Any, Any]]) -> None:
        self._methods = methods

    # Quoted: the type is generic for a type checker only.
    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        service, _, method = details.method.removeprefix("/").partition("/")
        if service != SERVICE:
            return None
        if method not in self._methods:
            return grpc.unary_unary_rpc_method_handler(_refuse(method))
        answer, request, response = self._methods[method]
        return grpc.unary_unary_rpc_method_handler(
            _checked(answer),
            request_deserializer=request.deserialize,
            response_serializer=getattr(response, "serialize", None) or _serialize,
        )


def _serialize(message: empty_pb2.Empty) -> bytes:
    return message.SerializeToString()


def _checked(answer: Callable[[Any], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
    def call(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            _check_token(context)
            return answer(request)
        except Refusal as refusal:
            if refusal.code is grpc.StatusCode.UNIMPLEMENTED:
                log.warning("not implemented here", extra={"asked": str(refusal)})
            context.abort(refusal.code, str(refusal))

    return call


def _check_token(context: grpc.ServicerContext) -> None:
    """Channels without TLS carry no credentials: none is accepted, a wrong one is not."""
    for key, value in context.invocation_metadata():
        if key == "authorization" and account_of(str(value).removeprefix("Bearer ")) is None:
            raise Refusal(
                grpc.StatusCode.UNAUTHENTICATED,
                "Request had invalid authentication credentials.",
            )


def _refuse(method: str) -> Callable[[Any, grpc.ServicerContext], NoReturn]:
    def call(_request: Any, context: grpc.ServicerContext) -> NoReturn:
        log.warning("not implemented here", extra={"asked": method})
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{method} is not implemented here")

    return call
