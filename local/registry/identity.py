"""Who calls: the access tokens of the local cloud, and the registry tokens given for them.

https://docs.cloud.google.com/artifact-registry/docs/docker/authentication
"""

import re

from local.registry.grants import Grants
from local.registry.tokens import basic_credentials
from local.registry.wire import Refused, Request, Response, error, json_response

REGISTRY_TOKEN_SECONDS = 43200
_ACCESS_TOKEN = re.compile(r"ya29\.local\.([^@\s]+@[^@\s]+)")


def account_of(access_token: str) -> str | None:
    """The e-mail of the account to which the local cloud gave *access_token*."""
    match = _ACCESS_TOKEN.fullmatch(access_token)
    return match[1] if match else None


class Identities:
    """Tells callers apart; whether one of them may do anything is another question."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    def principal(self, request: Request, challenge: str) -> str:
        """The caller's e-mail, "" for an anonymous token, or the challenge to get one."""
        if "Authorization" not in request.headers:
            raise Refused(
                error(
                    401,
                    "UNAUTHORIZED",
                    "authentication required",
                    headers={"WWW-Authenticate": challenge},
                )
            )
        scheme, _, token = request.headers["Authorization"].partition(" ")
        if scheme.lower() != "bearer":
            return self._basic(request)
        claims = self._grants.claims(token)
        if claims is not None and "principal" in claims:
            return str(claims["principal"])
        return _known(account_of(token))

    def issue(self, request: Request) -> Response:
        """A token that says who asked; what they may do is looked up for each request."""
        principal = self._basic(request) if "Authorization" in request.headers else ""
        token = self._grants.sign({"principal": principal}, REGISTRY_TOKEN_SECONDS)
        document = {"token": token, "expires_in": REGISTRY_TOKEN_SECONDS}
        return json_response(200, document).seen_as(principal)

    def _basic(self, request: Request) -> str:
        user, password = basic_credentials(request) or ("", "")
        return _known(account_of(password) if user == "oauth2accesstoken" else None)


def _known(principal: str | None) -> str:
    if principal is None:
        # No challenge: asking for a token again with the same credential would not help.
        raise Refused(error(401, "UNAUTHORIZED", "authentication failed"))
    return principal
