"""The Artifact Registry API over REST, as far as ``gcloud artifacts`` reads Docker repositories.

Paths and documents are those of the published definition; only reading is served.
https://docs.cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories
"""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import grpc
from google.cloud import artifactregistry_v1 as api
from google.protobuf import json_format

from local.clock import Clock
from local.parameters import unknown_parameter
from local.registry.api_names import Refusal
from local.registry.artifact_registry import ArtifactRegistry
from local.registry.host import Host
from local.registry.identity import account_of
from local.registry.mirror import Mirror
from local.registry.wire import Request, Response, json_response

log = logging.getLogger(__name__)

_STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNIMPLEMENTED: 501,
}
_LOCATION = "projects/[^/]+/locations/[^/]+"
_REPOSITORY = f"{_LOCATION}/repositories/[^/]+"
_PACKAGE = f"{_REPOSITORY}/packages/[^/]+"

# A collection is listed by its parent, a resource is got by its name.
_LISTS: dict[str, tuple[Any, Callable[[ArtifactRegistry, Any], Any]]] = {
    f"(?P<parent>{_LOCATION})/repositories": (
        api.ListRepositoriesRequest,
        ArtifactRegistry.list_repositories,
    ),
    f"(?P<parent>{_REPOSITORY})/packages": (
        api.ListPackagesRequest,
        ArtifactRegistry.list_packages,
    ),
    f"(?P<parent>{_REPOSITORY})/dockerImages": (
        api.ListDockerImagesRequest,
        ArtifactRegistry.list_docker_images,
    ),
    f"(?P<parent>{_PACKAGE})/versions": (
        api.ListVersionsRequest,
        ArtifactRegistry.list_versions,
    ),
    f"(?P<parent>{_PACKAGE})/tags": (api.ListTagsRequest, ArtifactRegistry.list_tags),
}
_GETS: dict[str, tuple[Any, Callable[[ArtifactRegistry, Any], Any]]] = {
    f"(?P<name>{_REPOSITORY})": (api.GetRepositoryRequest, ArtifactRegistry.get_repository),
    f"(?P<name>{_PACKAGE})": (api.GetPackageRequest, ArtifactRegistry.get_package),
    f"(?P<name>{_REPOSITORY}/dockerImages/[^/]+)": (
        api.GetDockerImageRequest,
        ArtifactRegistry.get_docker_image,
    ),
    f"(?P<name>{_PACKAGE}/versions/[^/]+)": (api.GetVersionRequest, ArtifactRegistry.get_version),
    f"(?P<name>{_PACKAGE}/tags/[^/]+)": (api.GetTagRequest, ArtifactRegistry.get_tag),
}


class RestFace(Host):
    """Whoever reads the mirror may read what is stored there; nobody else may."""

    def __init__(self, mirror: Mirror, clock: Clock) -> None:
        self._mirror = mirror
        self._api = ArtifactRegistry(mirror)
        super().__init__(self._answer, clock, tls=None)

    def _answer(self, request: Request) -> Response:
        account = account_of(request.headers.get("Authorization", "").removeprefix("Bearer "))
        try:
            document = self._call(request, account)
        except Refusal as refusal:
            status = _STATUSES[refusal.code]
            if refusal.code is grpc.StatusCode.UNIMPLEMENTED:
                log.warning("%s is not implemented here", refusal)
            problem = {"code": status, "message": str(refusal), "status": refusal.code.name}
            return json_response(status, {"error": problem}).seen_as(account or "")
        return json_response(200, document).seen_as(account or "")

    def _call(self, request: Request, account: str | None) -> Mapping[str, Any]:
        if account is None:
            raise Refusal(
                grpc.StatusCode.UNAUTHENTICATED,
                "Request is missing required authentication credential: a token ya29.local.EMAIL",
            )
        if account not in self._mirror.readers:
            raise Refusal(
                grpc.StatusCode.PERMISSION_DENIED,
                f"Permission denied on resource {request.path!r} (or it may not exist)",
            )
        path = _decoded(request.path).removeprefix("/v1/")
        for pattern, (kind, method) in (_LISTS | _GETS).items():
            match = re.fullmatch(pattern, path)
            if match and request.method == "GET":
                response = method(self._api, _message(kind, request, match.groupdict()))
                return json_format.MessageToDict(type(response).pb(response))
        raise Refusal(grpc.StatusCode.UNIMPLEMENTED, f"{request.method} {request.path}")


def _decoded(path: str) -> str:
    """A variable that spans segments keeps its %2F, which is part of a package's name.

    https://github.com/googleapis/googleapis/blob/master/google/api/http.proto
    """
    return "%2F".join(unquote(part) for part in re.split("%2F", path, flags=re.IGNORECASE))


def _message(kind: Any, request: Request, name: Mapping[str, str]) -> Any:
    fields = {field.json_name for field in kind.pb(kind()).DESCRIPTOR.fields} - name.keys()
    if unknown := unknown_parameter(urlsplit(request.target).query, fields):
        raise Refusal(
            grpc.StatusCode.UNIMPLEMENTED,
            f"the parameter {unknown!r} of {request.method} {request.path}",
        )
    given = {key: values[-1] for key, values in request.query.items() if key in fields}
    message = kind()
    try:
        json_format.ParseDict({**given, **name}, kind.pb(message))
    except json_format.ParseError as error:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error
    return message
