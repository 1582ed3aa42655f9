"""Artifact Registry's data plane for Docker: paths, tokens, permissions, and what it logs.

* https://docs.cloud.google.com/artifact-registry/docs/docker/names
* https://docs.cloud.google.com/artifact-registry/docs/docker/authentication
"""

import ssl
from collections.abc import Callable, Mapping
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from typing import Any

from local.clock import Clock
from local.registry import audit
from local.registry.content import Store, Stored
from local.registry.description import api_denied, description
from local.registry.distribution import (
    DIGEST,
    Route,
    blob_response,
    blob_unknown,
    manifest_response,
    not_found,
    route,
    tags_response,
    unsupported,
)
from local.registry.downloads import Downloads
from local.registry.grants import Grants
from local.registry.host import Host
from local.registry.identity import Identities
from local.registry.remote import Doubts, Remote, Repository, Virtual
from local.registry.upstream import Found, Upstream
from local.registry.wire import Refused, Request, Response, error, json_response

DOWNLOAD_HOST = "storage.googleapis.com"
API_HOST = "artifactregistry.googleapis.com"
PROJECT_AND_REPOSITORY = 2


class BlobRedirect(Enum):
    """Where the bytes of a blob come from."""

    NONE = "the registry itself"
    SAME_HOST = "another path of the same host"
    OTHER_HOST = "another host, which refuses credentials"


class Mirror(Host):
    """The registry host of one location, with the remote repositories of one project."""

    def __init__(
        self,
        root: Path,
        clock: Clock,
        *,
        project: str = "sample-project",
        location: str = "asia-northeast1",
        on_audit_entry: Callable[[dict[str, Any]], None] = lambda _: None,
        on_gcr_message: Callable[[dict[str, str]], None] = lambda _: None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.project = project
        self.location = location
        self.host = f"{location}-docker.pkg.dev"
        self.readers: set[str] = set()  # who has roles/artifactregistry.reader
        self.doubts = Doubts()
        self.logged = audit.Logged.WITHOUT_DIGEST
        # Whether a fill publishes anything is not documented.
        self.publishes_to_gcr = False
        self.blob_redirect = BlobRedirect.NONE
        self.repositories: dict[str, Remote | Virtual] = {}
        self._root = root
        self._clock = clock
        self._on_audit_entry = on_audit_entry
        self._on_gcr_message = on_gcr_message
        self._grants = Grants(clock)
        self._identities = Identities(self._grants)
        self._downloads = Downloads(self._grants)
        super().__init__(self._answer, clock, tls)

    @property
    def hosts(self) -> dict[str, str]:
        """Where each production name is answered."""
        return dict.fromkeys((self.host, DOWNLOAD_HOST, API_HOST), self.address)

    def add_remote(self, name: str, upstream: Upstream) -> Remote:
        def stored(package: str, digest: str, tag: str) -> None:
            self._publish(f"{self.host}/{self.project}/{name}/{package}", digest, tag)

        remote = Remote(
            name,
            Store(self._root / name, self._clock),
            self._clock,
            upstream=upstream,
            doubts=self.doubts,
            on_stored=stored,
        )
        self.repositories[name] = remote
        return remote

    def add_virtual(self, name: str, priorities: Mapping[str, int]) -> Virtual:
        """A repository in front of remote ones, each with its priority."""
        virtual = Virtual(name, priorities, {each: self.remote(each) for each in priorities})
        self.repositories[name] = virtual
        return virtual

    def remote(self, name: str) -> Remote:
        found = self.repositories[name]
        if not isinstance(found, Remote):
            raise TypeError(f"{name} is not a remote repository")
        return found

    def _answer(self, request: Request) -> Response:
        if self.doubts.ignores_ranges:
            del request.headers["Range"]
        if request.host == API_HOST:
            return self._described(request)
        if not request.is_local and request.host not in {self.host, DOWNLOAD_HOST}:
            return Response(status=421, body=f"{request.host} is not served here\n".encode())
        if request.path.startswith("/artifacts-downloads/"):
            other_host = request.host.partition(":")[0] in {DOWNLOAD_HOST, "localhost"}
            signature = request.path.rsplit("/", 1)[-1]
            return self._downloads.answer(request, signature, other_host=other_host)
        if request.path == "/v2/token":
            return self._identities.issue(request)
        if request.path == "/v2/":
            principal = self._identities.principal(request, self._challenge(request, ""))
            return json_response(200, {}).seen_as(principal)
        asked = route(request.path)
        return not_found() if asked is None else self._registry(request, asked)

    def _described(self, request: Request) -> Response:
        """The one page of the API over REST: what its client library drops is read there."""
        principal = self._identities.principal(request, "Bearer")
        path = f"/v1/projects/{self.project}/locations/{self.location}/repositories/"
        remote = self.repositories.get(request.path.removeprefix(path))
        if (
            request.method != "GET"
            or principal not in self.readers
            or not isinstance(remote, Remote)
        ):
            return api_denied(request)
        return json_response(200, description(remote, request.path)).seen_as(principal)

    def _registry(self, request: Request, asked: Route) -> Response:
        parts = asked.name.split("/", PROJECT_AND_REPOSITORY)
        if len(parts) == 1:
            return error(400, "NAME_INVALID", "invalid number of path components: 1")
        # The service asks for a name of its own making where there is none.
        scope = asked.name if len(parts) > PROJECT_AND_REPOSITORY else f"{asked.name}/pkg"
        principal = self._identities.principal(request, self._challenge(request, scope))
        if len(parts) == PROJECT_AND_REPOSITORY:
            return error(400, "NAME_INVALID", "invalid number of path components: 2")
        project, name, image = parts
        repository = self.repositories.get(name) if project == self.project else None
        if principal == "" or principal not in self.readers or repository is None:
            answer = self._denied(project, name, principal)
        elif request.method not in {"GET", "HEAD"} or asked.what == "uploads":
            answer = unsupported()
        else:
            try:
                answer = self._read(request, asked, repository, image)
            except Refused as refused:
                answer = refused.response
        if asked.what == "manifests" and principal:
            self._log(request, answer, (project, name, image), principal)
        return answer.seen_as(principal)

    def _read(self, request: Request, asked: Route, repository: Repository, image: str) -> Response:
        if asked.what == "tags":
            return tags_response(request, asked.name, repository.tags(image))
        if asked.what == "manifests":
            found = repository.manifest(image, asked.key, head=request.method == "HEAD")
            return manifest_response(found) if isinstance(found, Stored) else _head_of(found)
        if not DIGEST.fullmatch(asked.key):
            return blob_unknown(asked.key)
        path = repository.blob(image, asked.key, is_range="Range" in request.headers)
        if self.blob_redirect is BlobRedirect.NONE or request.method == "HEAD":
            return blob_response(request, path, asked.key)
        return self._redirect(request, repository.name, asked.key, path)

    def _redirect(self, request: Request, name: str, digest: str, path: Path) -> Response:
        if self.blob_redirect is BlobRedirect.SAME_HOST:
            origin = request.local_origin if request.is_local else f"https://{self.host}"
        else:
            origin = request.other_local_origin if request.is_local else f"https://{DOWNLOAD_HOST}"
        place = f"artifacts-downloads/namespaces/{self.project}/repositories/{name}/downloads"
        signature = self._downloads.sign(digest, path)
        return Response(status=302, headers={"Location": f"{origin}/{place}/{signature}"})

    def _challenge(self, request: Request, scope: str) -> str:
        origin = request.local_origin if request.is_local else f"https://{self.host}"
        challenge = f'Bearer realm="{origin}/v2/token"'
        if scope:
            service = request.host if request.is_local else self.host
            challenge += f',service="{service}",scope="repository:{scope}:pull"'
        return challenge

    def _denied(self, project: str, name: str, principal: str) -> Response:
        """The same for no permission and for no repository: which of them is not told."""
        resource = f"projects/{project}/locations/{self.location}/repositories/{name}"
        permission = (
            'Permission "artifactregistry.repositories.downloadArtifacts" denied on resource '
            f'"{resource}" (or it may not exist)'
        )
        if not principal:
            permission = (
                f"Unauthenticated request. Unauthenticated requests do not have {permission}"
            )
        return error(403, "DENIED", permission)

    def _log(
        self, request: Request, answer: Response, place: tuple[str, str, str], principal: str
    ) -> None:
        if request.method not in {"GET", "HEAD"} or not self.logged.covers(request.method):
            return
        project, repository, image = place
        succeeded = answer.status == HTTPStatus.OK
        read = audit.ManifestRead(
            project=project,
            location=self.location,
            repository=repository,
            image=image,
            principal=principal,
            digest=answer.headers["Docker-Content-Digest"] if succeeded else "",
            status=answer.status,
        )
        self._on_audit_entry(audit.entry(read, request, self.logged, self._clock.now()))

    def _publish(self, image: str, digest: str, tag: str) -> None:
        """https://docs.cloud.google.com/artifact-registry/docs/configure-notifications"""
        if self.publishes_to_gcr:
            message = {"action": "INSERT", "digest": f"{image}@{digest}"}
            if tag:
                message["tag"] = f"{image}:{tag}"
            self._on_gcr_message(message)


def _head_of(found: Found) -> Response:
    return Response(
        status=200,
        headers={
            "Content-Length": str(found.size),
            "Content-Type": found.media_type,
            "Docker-Content-Digest": found.digest,
            "Docker-Distribution-Api-Version": "registry/2.0",
        },
    )
