"""What an experiment may touch: a project, and the ground that is prepared for it there.

`Ground` makes what experiments share when the first of them asks (tests/live/ground.py); the
stand-ins are another one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from local.manifests import Image
from tests.live.google import Google
from tests.live.http import Http
from tests.live.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A repository of Artifact Registry: *parent* is its name, *registry* its data plane."""

    registry: Registry
    parent: str

    @property
    def repository(self) -> str:
        return self.parent.rpartition("/")[2]

    def package(self, image: str) -> str:
        return f"{self.parent}/packages/{quote(image, safe='')}"

    def reference(self, image: str, tag_or_digest: str) -> str:
        mark = "@" if ":" in tag_or_digest else ":"
        return f"{self.registry.host}/{self.registry.prefix}{image}{mark}{tag_or_digest}"


class Upstream(Protocol):
    """A registry that does as it is told, and says what it was asked.

    *name* is that of its service on Cloud Run.
    """

    @property
    def name(self) -> str: ...

    def serve(self, tags: Mapping[str, Image], *, status: int = 200) -> None:
        """Answer with *tags* from now on, or with *status* to everything."""

    def requests(self, since: datetime) -> list[str]:
        """``GET /v2/…``, oldest first; those of the last minutes may be missing."""


class Ground(Protocol):
    def mirror(self, short: str = "hub") -> Mirror:
        """A remote repository of Docker Hub, with credentials; *short* tells it from others."""

    def virtual(self) -> Mirror:
        """A virtual repository before the mirror `behind`."""

    def standard(self) -> Mirror:
        """A repository that can be pushed to."""

    def controlled(self, short: str) -> tuple[Mirror, Upstream]:
        """A remote repository of an upstream that does as it is told; *short* as for `mirror`."""

    def listener(self, short: str) -> "Listener":
        """A service that notes what is sent to it; *short* as for `mirror`."""

    def reader(self) -> Mirror:
        """The mirror, as an account that has roles/artifactregistry.reader on it and no more."""

    def account(self, short: str) -> str:
        """The e-mail of a service account without a role, as which we may act."""

    def token_of(self, email: str) -> str:
        """An access token of an account that was made here."""

    def messages(self) -> list[Any]:
        """What has come to the topic `gcr` since the last time, acknowledged."""

    def entries(self, matching: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """Log entries that a filter of Cloud Logging finds, oldest first."""


class Listener(Protocol):
    """A service on Cloud Run: *name* is its full one."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str: ...

    def heard(self, since: datetime) -> list[dict[str, Any]]:
        """Each request: its time, method, path and headers; the last minutes may be missing."""

    def answer_after(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """*run* begins every name that is made, *probe* is a Docker Hub repository of our own.

    *artifacts*, *services* and *revisions* are Google's clients over gRPC. *undo* is told what has
    to be taken back, before it is made.
    """

    project: str
    number: str
    region: str
    other_region: str
    run: str
    probe: str
    http: Http
    google: Google
    hub: Registry
    artifacts: Any
    services: Any
    revisions: Any
    undo: Callable[[Mapping[str, Any]], None]
    now: Callable[[], datetime]

    @property
    def location(self) -> str:
        return f"projects/{self.project}/locations/{self.region}"

    def delete_later(self, url: str) -> None:
        self.undo({"kind": "delete", "url": url})


def audit_filter(mirror: Mirror, *methods: str) -> str:
    """Data-access entries of *mirror*: AR `audit-logging`."""
    filters: Sequence[str] = (
        'protoPayload.serviceName="artifactregistry.googleapis.com"',
        f'protoPayload.resourceName:"/repositories/{mirror.repository}"',
        *((f"protoPayload.methodName=({' OR '.join(map(_quoted, methods))})",) if methods else ()),
    )
    return " AND ".join(filters)


def _quoted(text: str) -> str:
    return f'"{text}"'
