"""Whether a mirror stores what passes through it: a remote repository may be a connector only.

Read as raw JSON: the client library has no field for ``noCache`` and would drop it
(``no_cache`` of google_artifact_registry_repository, Terraform's provider 7.43.0).
"""

import threading
from collections.abc import Callable
from http import HTTPStatus

import msgspec
import structlog
from msgspec import Struct, field

from transship.clients.transport import Transport
from transship.deadline import Deadline
from transship.errors import TransshipError
from transship.model.mirror import Mirror

log = structlog.get_logger()

HOST = "artifactregistry.googleapis.com"
_SECONDS = 10.0
_LIMIT = 64 * 1024


class _Config(Struct):
    no_cache: dict[str, object] | None = field(name="noCache", default=None)


class _Repository(Struct):
    remote: _Config = field(name="remoteRepositoryConfig", default_factory=_Config)


class Remotes:
    """Asked once for each mirror: the mode is fixed when a repository is made."""

    def __init__(self, transport: Transport, *, token: Callable[[], str]) -> None:
        self._transport = transport
        self._token = token
        self._lock = threading.Lock()
        self._kept: dict[str, bool] = {}

    def keeps(self, mirror: Mirror) -> bool:
        """True also where nobody can tell: a pull that stores nothing is a waste and no harm."""
        with self._lock:
            if mirror.prefix not in self._kept:
                try:
                    self._kept[mirror.prefix] = self._read(mirror).remote.no_cache is None
                except (TransshipError, msgspec.MsgspecError) as error:
                    log.warning("mirror not described", mirror=mirror.prefix, error=str(error))
                    return True
            return self._kept[mirror.prefix]

    def _read(self, mirror: Mirror) -> _Repository:
        name = (
            f"projects/{mirror.project}/locations/{mirror.location}"
            f"/repositories/{mirror.repository}"
        )
        headers = {"Authorization": f"Bearer {self._token()}", "Accept": "application/json"}
        with self._transport.send(
            "GET",
            f"https://{HOST}/v1/{name}",
            headers,
            deadline=Deadline.after(_SECONDS),
            redirects=0,
        ) as answer:
            if answer.status != HTTPStatus.OK:
                said = answer.complaint().decode(errors="replace")[:200]
                raise msgspec.MsgspecError(f"{HOST} answers {answer.status}: {said}")
            return msgspec.json.decode(answer.document(_LIMIT), type=_Repository)
