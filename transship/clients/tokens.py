"""Who we say we are to a registry.

Bearer tokens as the distribution project specifies them
(https://distribution.github.io/distribution/spec/auth/token/), Basic credentials where a registry
asks for them, and Google's access tokens for Artifact Registry.
"""

import base64
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from transship.clients.bounded import Bounded
from transship.clients.challenge import Challenge, parse_challenges
from transship.clients.egress import authority_of
from transship.clients.failures import failure, is_artifact_registry
from transship.clients.transport import Transport
from transship.deadline import Deadline
from transship.errors import AccessDenied, Refused, RegistryUnavailable

_TOKEN_LIMIT = 1024 * 1024
# The specification's default and minimum, for the sake of clients that know no other.
_SHORTEST_LIFE = 60.0
# A token is renewed when a fifth of its life is left, so that none expires under way.
_USED_LIFE = 0.8
_CACHED = 512
_BEARER = re.compile(r"[!-~]{1,65536}")


class Login(Struct, frozen=True, kw_only=True):
    """A name and password that may be shown to *realm_host* alone, such as ``auth.docker.io``."""

    user: str
    password: str
    realm_host: str

    def __repr__(self) -> str:
        return f"Login({self.user!r}, {self.realm_host!r})"

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class _Granted(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None
    expires_in: float | None = None


class _Grant(Struct, frozen=True, kw_only=True):
    """What a token is for. It is kept under this, so *user* is part of it."""

    realm: str
    service: str
    scope: str
    user: str

    @property
    def url(self) -> str:
        question = [("service", self.service)] if self.service else []
        question += [("scope", part) for part in self.scope.split()]
        return f"{self.realm}{'&' if '?' in self.realm else '?'}{urlencode(question)}"


@dataclass(slots=True)
class _Slot:
    """A token, and the lock that lets one thread renew it while the others wait."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    authorization: str = ""
    until: float = 0.0


class Tokens:
    """Authorization headers, by registry as references name it, and *logins* alike."""

    def __init__(
        self,
        transport: Transport,
        *,
        logins: Mapping[str, Login],
        google_token: Callable[[], str] | None,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._logins = logins
        self._google_token = google_token
        self._now = now
        self._clock = clock
        self._challenges: Bounded[tuple[str, str], Challenge] = Bounded(_CACHED)
        self._slots: Bounded[_Grant, _Slot] = Bounded(_CACHED)

    def expected(self, registry: str, repository: str, *, deadline: Deadline) -> str | None:
        """What *registry* will want for *repository*, as far as it is known before it says so."""
        if self._google_token is not None and is_artifact_registry(registry):
            return f"Bearer {self._google_token()}"
        challenge = self._challenges.get((registry, repository))
        if challenge is None:
            return None
        return self._answer(registry, repository, challenge, None, deadline)

    def demanded(
        self,
        registry: str,
        repository: str,
        *,
        refused: str | None,
        headers: Iterable[str],
        deadline: Deadline,
    ) -> str:
        """What *registry* wants after its 401 to *refused*; raises AccessDenied if we have none."""
        if self._google_token is not None and is_artifact_registry(registry):
            authorization = f"Bearer {self._google_token()}"
            if authorization == refused:
                raise AccessDenied(f"{registry} does not accept the service account's access token")
            return authorization
        for challenge in parse_challenges(headers):
            if challenge.scheme == "bearer" and challenge.parameters.get("realm"):
                self._challenges.put((registry, repository), challenge)
                return self._answer(registry, repository, challenge, refused, deadline)
            if challenge.scheme == "basic" and registry in self._logins:
                return self._basic(registry, refused)
        raise AccessDenied(f"{registry} refuses {repository} and asks for nothing that we have")

    def _basic(self, registry: str, refused: str | None) -> str:
        login = self._logins[registry]
        if login.realm_host != registry:
            raise _misdirected(registry, registry)
        if login.basic == refused:
            raise AccessDenied(f"{registry} does not accept the login of {login.user!r}")
        return login.basic

    def _answer(
        self,
        registry: str,
        repository: str,
        challenge: Challenge,
        refused: str | None,
        deadline: Deadline,
    ) -> str:
        login = self._logins.get(registry)
        grant = _Grant(
            realm=challenge.parameters["realm"],
            service=challenge.parameters.get("service", ""),
            scope=challenge.parameters.get("scope") or f"repository:{repository}:pull",
            user=login.user if login else "",
        )
        slot = self._slots.get_or_add(grant, _Slot)
        # Whoever waits here finds the token that another thread has fetched meanwhile.
        if not slot.lock.acquire(timeout=deadline.remaining()):
            raise RegistryUnavailable(f"no time is left to wait for a token of {registry}")
        try:
            if slot.authorization in ("", refused) or self._clock() >= slot.until:
                asked_at = self._clock()
                token, seconds = self._fetch(registry, grant, login, deadline)
                slot.authorization = f"Bearer {token}"
                slot.until = asked_at + seconds * _USED_LIFE
            return slot.authorization
        finally:
            slot.lock.release()

    def _fetch(
        self, registry: str, grant: _Grant, login: Login | None, deadline: Deadline
    ) -> tuple[str, float]:
        realm_host = authority_of(grant.realm)
        headers = {"Accept": "application/json"}
        if login is not None:
            if login.realm_host != realm_host:
                raise _misdirected(registry, realm_host)
            headers["Authorization"] = login.basic
        # No redirect: a token service that moves is a question for a person.
        with self._transport.send(
            "GET", grant.url, headers, deadline=deadline, redirects=0
        ) as answer:
            if answer.status != HTTPStatus.OK:
                raise failure(
                    answer.status,
                    answer.headers,
                    answer.complaint(),
                    host=realm_host,
                    source=registry,
                    what=f"a token for {registry}",
                    now=self._now(),
                )
            content = answer.document(_TOKEN_LIMIT, too_long=RegistryUnavailable)
        return _granted(content, realm_host)


def _granted(content: bytes, realm_host: str) -> tuple[str, float]:
    try:
        granted = msgspec.json.decode(content, type=_Granted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RegistryUnavailable(f"{realm_host} answers with no token") from error
    token = granted.token or granted.access_token or ""
    if not _BEARER.fullmatch(token):
        raise RegistryUnavailable(f"{realm_host} answers with no token that fits in a header")
    return token, max(granted.expires_in or 0.0, _SHORTEST_LIFE)


def _misdirected(registry: str, realm_host: str) -> Refused:
    return Refused(
        "egress", f"{registry} asks for its login at {realm_host!r}, to which it is not bound"
    )
