"""Who asks for the page, as Google's front door says.

Identity-Aware Proxy signs an assertion (ES256) that is verified here, whatever else let the request
in: https://cloud.google.com/iap/docs/signed-headers-howto. Where IAM alone is the door, Cloud Run
has verified the identity token and taken its signature off
(https://cloud.google.com/run/docs/authenticating/service-to-service), so its claims are believed
only as long as nobody else can reach the function.
"""

import base64
import binascii
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog

from transship.clients.transport import Transport
from transship.deadline import Deadline
from transship.errors import AccessDenied, RegistryUnavailable, ServiceUnavailable

log = structlog.get_logger()

HOST = "www.gstatic.com"
KEYS = f"https://{HOST}/iap/verify/public_key"
HEADER = "x-goog-iap-jwt-assertion"
ISSUER = "https://cloud.google.com/iap"
ALGORITHM = "ES256"

_KEYS_LIMIT = 256 * 1024
_ASSERTION_LIMIT = 16 * 1024
# Keys change about once a day. A new one has to be found at once, and whoever sends unknown ids
# must not have us ask for each.
_KEPT_SECONDS = 3600.0
_AGAIN_SECONDS = 30.0
_SECONDS = 10.0
# IAP's advice: https://cloud.google.com/iap/docs/signed-headers-howto#verifying_the_jwt_payload
_SKEW_SECONDS = 30
_ACCESS_SECONDS = 60.0
_GOOGLE = frozenset({"https://accounts.google.com", "accounts.google.com"})


class _Head(msgspec.Struct):
    alg: str
    kid: str


class PublicKeys:
    """IAP's keys by id, as PEM; kept for an hour."""

    def __init__(
        self, transport: Transport, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, str] = {}
        self._read_at = float("-inf")

    def key(self, kid: str) -> str | None:
        """Raises ServiceUnavailable where they cannot be had, and none are kept."""
        with self._lock:
            age = self._clock() - self._read_at
            if age >= _KEPT_SECONDS or (kid not in self._keys and age >= _AGAIN_SECONDS):
                try:
                    self._keys = self._read()
                except ServiceUnavailable:
                    if not self._keys:
                        raise
                    log.warning("keys are not renewed", url=KEYS)
                self._read_at = self._clock()
            return self._keys.get(kid)

    def _read(self) -> dict[str, str]:
        deadline = Deadline.after(_SECONDS)
        try:
            with self._transport.send("GET", KEYS, {}, deadline=deadline, redirects=0) as answer:
                if answer.status != HTTPStatus.OK:
                    answer.discard()
                    raise ServiceUnavailable(f"{KEYS}: {answer.status}")
                body = answer.document(_KEYS_LIMIT, too_long=ServiceUnavailable)
            return msgspec.json.decode(body, type=dict[str, str])
        except RegistryUnavailable as error:
            raise ServiceUnavailable(f"{KEYS}: {error}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ServiceUnavailable(f"{KEYS}: not a table of keys: {error}") from error


class SignedByIap:
    """*audience* is ``/projects/NUMBER/locations/REGION/services/SERVICE``, or a backend's."""

    def __init__(self, keys: PublicKeys, audience: str) -> None:
        self._keys = keys
        self._audience = audience

    def __call__(self, headers: Mapping[str, str]) -> str:
        """The person's e-mail address. *headers* in lower case.

        Raises AccessDenied: the reason is for the log, not for who knocks.
        """
        assertion = headers.get(HEADER, "")
        head, _, _ = assertion.partition(".")
        if not assertion or len(assertion) > _ASSERTION_LIMIT:
            raise AccessDenied(f"no assertion in {HEADER}")
        said = _decoded(head, _Head)
        # The key decides the algorithm, not the token: RFC 8725, section 3.1.
        if said.alg != ALGORITHM:
            raise AccessDenied(f"the assertion is signed by {said.alg[:20]!r}; right is ES256")
        key = self._keys.key(said.kid)
        if key is None:
            raise AccessDenied(f"the assertion's key {said.kid[:100]!r} is not one of IAP's")
        claims = _verified(assertion, {said.kid: key}, self._audience)
        if claims.get("iss") != ISSUER:
            raise AccessDenied(f"the assertion is {str(claims.get('iss'))[:100]!r}'s, not IAP's")
        return _email(claims)


def _verified(assertion: str, keys: Mapping[str, str], audience: str) -> Mapping[str, Any]:
    # 40 ms to import, which the functions without a page do without.
    from google.auth import exceptions, jwt  # noqa: PLC0415 - loaded late

    try:
        claims: Mapping[str, Any] = jwt.decode(  # type: ignore[no-untyped-call]
            assertion, certs=keys, audience=audience, clock_skew_in_seconds=_SKEW_SECONDS
        )
    except (exceptions.GoogleAuthError, ValueError) as error:
        raise AccessDenied(f"the assertion is not valid: {error}") from error
    return claims


class CheckedByPlatform:
    """*is_public* says whether everybody may invoke this function; it is asked once a minute.

    Where that cannot be told, nobody is let in.
    """

    def __init__(
        self, is_public: Callable[[], bool], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._is_public = is_public
        self._clock = clock
        self._lock = threading.Lock()
        self._private_until = float("-inf")

    def __call__(self, headers: Mapping[str, str]) -> str:
        """As SignedByIap. Cloud Run takes the token from either header, the second one first."""
        token = headers.get("x-serverless-authorization") or headers.get("authorization", "")
        scheme, _, credential = token.partition(" ")
        parts = credential.strip().split(".")
        if scheme.lower() != "bearer" or len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
            raise AccessDenied("no identity token in Authorization")
        self._check_private()
        claims = _decoded(parts[1], dict[str, Any])
        if claims.get("iss") not in _GOOGLE or claims.get("email_verified") is not True:
            raise AccessDenied("the identity token is not Google's, or its address not verified")
        return _email(claims)

    def _check_private(self) -> None:
        with self._lock:
            if self._clock() < self._private_until:
                return
            if self._is_public():
                raise AccessDenied(
                    "everybody may invoke the page, so nobody's claims are believed; remove"
                    " allUsers from its roles/run.invoker, or put IAP before it"
                )
            self._private_until = self._clock() + _ACCESS_SECONDS


def _email(claims: Mapping[str, Any]) -> str:
    email = claims.get("email")
    if not isinstance(email, str) or not email:
        raise AccessDenied("the claims name no e-mail address")
    return email


def _decoded(part: str, kind: Any) -> Any:
    try:
        content = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(content, type=kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise AccessDenied(f"not a token: {error}") from error
