"""Google's APIs over REST, as whoever has signed in on this machine.

A long-running operation is waited for, with a deadline: https://google.aip.dev/151.
"""

import json
import random
import subprocess
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.live.http import Answer, Http
from transship.clients.google_token import default_token
from transship.errors import AccessDenied

OPERATION_SECONDS = 900.0
GRANT_SECONDS = 240.0
_GRANT_PAUSE = 20.0
# Artifact Registry says 400 for credentials that it cannot read; 0 is an operation that failed.
_UNGRANTED = frozenset({0, 400, 403})
_PAUSES = (1.0, 15.0)


class ApiRefused(Exception):
    """An API said no; *answer* is what it said."""

    def __init__(self, what: str, answer: Answer) -> None:
        super().__init__(f"{what}: {answer.status} {answer.text()}")
        self.answer = answer


class NotFinished(Exception):
    """An operation took longer than it may."""


class Google:
    """*grant_seconds* is how long a role may take to be everywhere.

    *pauses* are the first and the longest between two looks at an operation.
    """

    def __init__(
        self,
        http: Http,
        token: Callable[[], str],
        *,
        grant_seconds: float = GRANT_SECONDS,
        pauses: tuple[float, float] = _PAUSES,
    ) -> None:
        self.http = http
        self.token = token
        self._grant_seconds = grant_seconds
        self._pauses = pauses

    def ask(self, method: str, url: str, body: Any = None) -> Answer:
        """One call; whatever is answered."""
        headers = {"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        return self.http.send(method, url, headers, content)

    def read(self, url: str) -> Any:
        return self.done("GET", url)

    def done(self, method: str, url: str, body: Any = None) -> Any:
        """The document that is answered, once it is done; raises ApiRefused, NotFinished."""
        answer = self.ask(method, url, body)
        if not answer.is_good:
            raise ApiRefused(f"{method} {url}", answer)
        document = answer.json()
        return self.finished(url, document) if is_operation(document) else document

    def done_soon(self, method: str, url: str, body: Any = None) -> Any:
        """As `done`; what was granted a moment ago is not everywhere yet, and is tried again.

        https://cloud.google.com/iam/docs/access-change-propagation
        """
        deadline = time.monotonic() + self._grant_seconds
        while True:
            try:
                return self.done(method, url, body)
            except ApiRefused as refused:
                if refused.answer.status not in _UNGRANTED or time.monotonic() > deadline:
                    raise
            time.sleep(_GRANT_PAUSE * random.uniform(0.8, 1.2))  # noqa: S311 — jitter

    def finished(self, url: str, operation: Any) -> Any:
        """The response of an operation that a call to *url* began."""
        parts = urlsplit(url)
        version = parts.path.split("/")[1]
        place = f"https://{parts.netloc}/{version}/{operation['name']}"
        deadline = time.monotonic() + OPERATION_SECONDS
        pause, longest = self._pauses
        while not operation.get("done"):
            if time.monotonic() > deadline:
                raise NotFinished(operation["name"])
            time.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 — jitter, not a secret
            pause = min(pause * 1.5, longest)
            # Not by `read`, which would take the operation for one to wait for.
            answer = self.ask("GET", place)
            if not answer.is_good:
                raise ApiRefused(f"GET {place}", answer)
            operation = answer.json()
        if "error" in operation:
            body = json.dumps(operation["error"]).encode()
            raise ApiRefused(operation["name"], Answer(status=0, headers={}, body=body))
        return operation.get("response", {})


def is_operation(document: Any) -> bool:
    """
    >>> is_operation({"name": "operations/acf.1"}), is_operation({"name": "projects/p/topics/t"})
    (True, False)
    """
    # Of a location, or of nothing as at the Service Usage API.
    return isinstance(document, dict) and "/operations/" in f"/{document.get('name', '')}"


def signed_in() -> Callable[[], str]:
    """From application default credentials, or else from gcloud."""
    try:
        return default_token()
    except AccessDenied:
        return _gcloud()


def _gcloud() -> Callable[[], str]:
    """Tokens of `gcloud auth login`, good for an hour: asked for anew every half."""
    kept: tuple[float, str] = (0.0, "")

    def token() -> str:
        nonlocal kept
        if kept[0] < time.monotonic():
            command = ["gcloud", "auth", "print-access-token"]
            printed = subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=60
            )
            kept = (time.monotonic() + 1800, printed.stdout.strip())
        return kept[1]

    return token
