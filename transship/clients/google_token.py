"""Access tokens of the account that a function runs as, for Artifact Registry and REST calls.

google-auth over urllib3: its other transport would load requests.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import google.auth
import google.auth.transport.urllib3
import urllib3
from google.auth import exceptions

from transship.errors import AccessDenied, ServiceUnavailable

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def default_token() -> Callable[[], str]:
    """A function that gives a token that is good for minutes yet.

    From application default credentials; raises AccessDenied where there are none, which says how
    to make some, and ServiceUnavailable where the metadata server does not answer.
    """
    credentials: Any
    with _translated():
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    # google-auth has no annotations.
    request: Any = google.auth.transport.urllib3.Request(urllib3.PoolManager())  # type: ignore[no-untyped-call]
    refreshing = threading.Lock()

    def token() -> str:
        with refreshing, _translated():
            if not credentials.valid:
                credentials.refresh(request)
            return str(credentials.token)

    return token


def identity_token(audience: str) -> str:
    """Who this function is, for *audience* alone; good for an hour.

    From the metadata server (google.oauth2.id_token). Raises as default_token does.
    """
    from google.oauth2 import id_token  # noqa: PLC0415 - few functions need it

    request: Any = google.auth.transport.urllib3.Request(urllib3.PoolManager())  # type: ignore[no-untyped-call]
    with _translated():
        return str(id_token.fetch_id_token(request, audience))  # type: ignore[no-untyped-call]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exceptions.DefaultCredentialsError as error:
        raise AccessDenied(f"no credentials: {error}") from error
    except exceptions.GoogleAuthError as error:
        raise ServiceUnavailable(f"no access token: {error}") from error
