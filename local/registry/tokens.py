"""The token service of a registry: an account's access token for a short-lived Bearer token.

https://distribution.github.io/distribution/spec/auth/token/
"""

import base64
import binascii
from collections.abc import Callable, Mapping

from local.registry.distribution import NAME
from local.registry.grants import Grants
from local.registry.wire import Refused, Request, Response, json_response

TOKEN_SECONDS = 300
ANONYMOUS = ""


def issue_token(
    request: Request,
    grants: Grants,
    accounts: Mapping[str, str],
    allowed: Callable[[str, str, set[str]], set[str]],
) -> Response:
    """A token for those actions that *allowed* (user, repository, what is asked for) leaves.

    Less than what was asked for is not an error here, but later at the registry.
    """
    user = _user(request, accounts)
    access = {}
    for scope in " ".join(request.query.get("scope", [])).split():
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        if kind == "repository" and NAME.fullmatch(name):
            access[name] = sorted(allowed(user, name, set(actions.split(","))))
    token = grants.sign({"user": user, "access": access}, TOKEN_SECONDS)
    document = {"token": token, "access_token": token, "expires_in": TOKEN_SECONDS}
    return json_response(200, document).seen_as(user)


def basic_credentials(request: Request) -> tuple[str, str] | None:
    """User and password of a Basic header; None for anything else."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, separator, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if separator else None


def _user(request: Request, accounts: Mapping[str, str]) -> str:
    if "Authorization" not in request.headers:
        return ANONYMOUS
    user, secret = basic_credentials(request) or (ANONYMOUS, "")
    if not secret or accounts.get(user) != secret:
        raise Refused(json_response(401, {"details": "incorrect username or password"}))
    return user
