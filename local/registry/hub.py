"""A Docker Hub: token service, pull limits, and blobs on another host behind a signed address.

It answers to its production names and to its local address. A client that names the former gets
them back in challenges and redirects; one that names the latter gets an address that it can reach.

* https://distribution.github.io/distribution/spec/auth/token/
* https://docs.docker.com/docker-hub/usage/pulls/
"""

import ssl
import uuid
from dataclasses import dataclass
from pathlib import Path

from local.clock import Clock
from local.manifests import Image
from local.registry.content import Store, Stored
from local.registry.distribution import (
    INDEX_TYPES,
    NAME,
    Route,
    accepts,
    amd64_child,
    blob_unknown,
    manifest_response,
    manifest_unknown,
    not_found,
    route,
    tags_response,
    unsupported,
)
from local.registry.downloads import Downloads
from local.registry.faults import pull_limit_reached
from local.registry.grants import Grants
from local.registry.host import Host
from local.registry.push import push
from local.registry.quota import PullQuota
from local.registry.tokens import ANONYMOUS, issue_token
from local.registry.wire import Refused, Request, Response, error, json_response


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a registry calls its parts in production."""

    registry: str
    auth: str
    blobs: str
    service: str


DOCKER_HUB = Names(
    registry="registry-1.docker.io",
    auth="auth.docker.io",
    blobs="production.cloudflare.docker.com",
    service="registry.docker.io",
)
GHCR = Names(
    registry="ghcr.io",
    auth="ghcr.io",
    blobs="pkg-containers.githubusercontent.com",
    service="ghcr.io",
)


class DockerHub(Host):
    """Accounts may pull and push everything; anybody may pull what is not private."""

    def __init__(
        self,
        root: Path,
        clock: Clock,
        *,
        names: Names = DOCKER_HUB,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.names = names
        self.store = Store(root, clock)
        self.quota = PullQuota(clock)
        self.accounts: dict[str, str] = {}  # user -> access token
        self.private: set[str] = set()  # repositories
        # Whether the pull limit's 429 says when to come back is not documented.
        self.retry_after: int | None = None
        self._grants = Grants(clock)
        self._downloads = Downloads(self._grants)
        super().__init__(self._answer, clock, tls)

    @property
    def hosts(self) -> dict[str, str]:
        """Where each production name is answered."""
        names = (self.names.registry, self.names.auth, self.names.blobs)
        return dict.fromkeys(names, self.address)

    def push(self, repository: str, tag: str, image: Image) -> str:
        """Store *image*, let *tag* point to it, and return its digest."""
        for blob in image.blobs():
            self.store.add_blob(repository, blob.digest, blob.chunks())
        for manifest in image.manifests():
            self.store.add_manifest(repository, manifest.media_type, manifest.content)
        self.store.set_tag(repository, tag, image.digest)
        return image.digest

    def tag(self, repository: str, tag: str, digest: str) -> None:
        if self.store.manifest(repository, digest) is None:
            raise LookupError(f"{repository} has no manifest {digest}")
        self.store.set_tag(repository, tag, digest)

    def delete_tag(self, repository: str, tag: str) -> None:
        if not self.store.delete_tag(repository, tag):
            raise LookupError(f"{repository} has no tag {tag}")

    def tags(self, repository: str) -> dict[str, str]:
        return self.store.tags(repository)

    def source_of(self, user: str) -> str:
        """What the pull limit calls an account: an id, not its name."""
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, user))

    def _answer(self, request: Request) -> Response:
        if request.is_local:
            served = {"/token", "/v2", "/blobs"}
        else:
            served = {
                part
                for part, name in (
                    ("/token", self.names.auth),
                    ("/v2", self.names.registry),
                    ("/blobs", self.names.blobs),
                )
                if request.host == name
            }
        if not served:
            return Response(status=421, body=f"{request.host} is not served here\n".encode())
        if request.path == "/token" and "/token" in served:
            return issue_token(request, self._grants, self.accounts, self._allowed)
        if request.path.startswith("/v2/") and "/v2" in served:
            return self._registry(request)
        if request.path.startswith("/registry-v2/") and "/blobs" in served:
            signature = request.parameter("verify")
            return self._downloads.answer(request, signature, other_host=True)
        return not_found()

    def _allowed(self, user: str, name: str, asked: set[str]) -> set[str]:
        exists = self.store.has_repository(name)
        if user != ANONYMOUS and (exists or "push" in asked):
            return asked & {"pull", "push"}  # a first push makes the repository
        return asked & {"pull"} if exists and name not in self.private else set()

    # The registry

    def _registry(self, request: Request) -> Response:
        asked = route(request.path)
        if request.path == "/v2/":
            self._authorize(request, None, "pull")
            return json_response(200, {}, {"Docker-Distribution-Api-Version": "registry/2.0"})
        if asked is None or not NAME.fullmatch(asked.name):
            return not_found()
        reads = request.method in {"GET", "HEAD"} and asked.what != "uploads"
        user = self._authorize(request, asked.name, "pull" if reads else "push")
        if not reads:
            answer = push(self.store, request, asked)
        elif asked.what == "manifests":
            answer = self._manifest(request, asked, user)
        elif asked.what == "blobs":
            answer = self._redirect(request, asked)
        elif asked.what == "tags":
            answer = tags_response(request, asked.name, self.store.tags(asked.name))
        else:
            answer = unsupported()
        return answer.seen_as(user)

    def _authorize(self, request: Request, name: str | None, action: str) -> str:
        """The user, or a challenge that says what is missing."""
        origin = request.local_origin if request.is_local else f"https://{self.names.auth}"
        challenge = f'Bearer realm="{origin}/token",service="{self.names.service}"'
        if name is not None:
            actions = "pull" if action == "pull" else "pull,push"
            challenge += f',scope="repository:{name}:{actions}"'
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme:
            claims = self._grants.claims(token) if scheme.lower() == "bearer" else None
            if claims is None:
                challenge += ',error="invalid_token"'
            elif name is None or action in claims["access"].get(name, []):
                return str(claims["user"])
            else:
                # Also the answer for a repository that does not exist: Docker Hub does not tell.
                challenge += ',error="insufficient_scope"'
        raise Refused(
            error(
                401,
                "UNAUTHORIZED",
                "authentication required",
                headers={"WWW-Authenticate": challenge},
            )
        )

    def _manifest(self, request: Request, asked: Route, user: str) -> Response:
        stored = self._negotiated(request, self.store.resolve(asked.name, asked.key), asked)
        source = self.source_of(user) if user else request.address
        counted = stored is not None and request.method == "GET"
        taken = not counted or self.quota.take(source)
        headers = self.quota.headers(source)
        if stored is None:
            answer = manifest_unknown(asked.key)
        elif taken:
            answer = manifest_response(stored)
        else:
            return pull_limit_reached(self.retry_after, headers)
        return answer.with_headers(headers)

    def _negotiated(self, request: Request, stored: Stored | None, asked: Route) -> Stored | None:
        """A tag's index, or its linux/amd64 child for a client that does not accept indexes."""
        if (
            stored is None
            or ":" in asked.key
            or stored.media_type not in INDEX_TYPES
            or accepts(request, stored.media_type)
        ):
            return stored
        child = amd64_child(stored)
        return self.store.manifest(asked.name, child) if child else None

    def _redirect(self, request: Request, asked: Route) -> Response:
        path = self.store.blob(asked.name, asked.key)
        if path is None:
            return blob_unknown(asked.key)
        origin = request.other_local_origin if request.is_local else f"https://{self.names.blobs}"
        digits = asked.key.removeprefix("sha256:")
        place = f"registry-v2/docker/registry/v2/blobs/sha256/{digits[:2]}/{digits}/data"
        signature = self._downloads.sign(asked.key, path)
        return Response(status=307, headers={"Location": f"{origin}/{place}?verify={signature}"})
