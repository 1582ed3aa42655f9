"""A registry with a token service of its own, and what was asked of that."""

import json
from collections.abc import Callable
from typing import Any

from tests.unit.scripted_registry import (
    AUTH,
    Asked,
    Contents,
    Reply,
    ScriptedRegistry,
    error,
)
from transship.clients.tokens import Login

ALICE = Login(user="alice", password="s3cret", realm_host=AUTH)


class TokenHub:
    """A registry that wants Bearer tokens, and its token service, under their production names."""

    def __init__(self, **answer: Any) -> None:
        self.contents = Contents()
        self.contents.add_image([b"layer"], "latest")
        self.answer = answer
        self.accepted: set[str] = set()
        self.challenge = f'Bearer realm="https://{AUTH}/token",service="registry.docker.io"'
        self.issue: Callable[[Asked], Reply] = self._issue
        self._issued = 0

    def __call__(self, asked: Asked) -> Reply:
        if asked.path == "/token":
            return self.issue(asked)
        if asked.headers.get("authorization") not in self.accepted:
            return error(
                401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=self.challenge
            )
        return self.contents(asked)

    def _issue(self, asked: Asked) -> Reply:
        self._issued += 1
        token = f"token-{self._issued}"
        self.accepted.add(f"Bearer {token}")
        return Reply(body=json.dumps({"token": token, **self.answer}).encode())


def asked_for_tokens(registry: ScriptedRegistry) -> list[Asked]:
    return [asked for asked in registry.asked if asked.path == "/token"]
