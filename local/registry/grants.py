"""Signed, expiring texts: the tokens of registries and the signatures of their blob addresses.

Signed rather than remembered, so that nothing grows with the number of clients.
"""

import base64
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from local.clock import Clock


class Grants:
    """What one server has signed; another's, altered ones and expired ones are not believed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def sign(self, claims: dict[str, Any], seconds: float) -> str:
        expires = (self._clock.now() + timedelta(seconds=seconds)).timestamp()
        body = _encode(json.dumps({**claims, "expires": expires}).encode())
        return f"{body}.{self._signature(body)}"

    def claims(self, text: str) -> dict[str, Any] | None:
        """What was signed, or None."""
        body, _, signature = text.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            return None
        padded = body + "=" * (-len(body) % 4)
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(padded))
        expires = datetime.fromtimestamp(claims["expires"], UTC)
        return claims if self._clock.now() < expires else None

    def _signature(self, body: str) -> str:
        return _encode(hmac.digest(self._key, body.encode(), hashlib.sha256))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
