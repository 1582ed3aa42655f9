"""One request of somebody who was let in."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

import flask
import structlog
from msgspec import Struct

from transship.config import Config
from transship.console import pages
from transship.console.ports import Parts
from transship.errors import TransshipError
from transship.model.naming import ServiceName
from transship.model.people import Person

log = structlog.get_logger()

T = TypeVar("T")


class Visit(Struct, frozen=True, kw_only=True):
    """*token* goes into forms; empty for who may not send any."""

    person: Person
    request: flask.Request
    config: Config
    parts: Parts
    token: str

    def page(
        self, template: str, /, *, status: int = HTTPStatus.OK, **context: Any
    ) -> flask.Response:
        content = pages.page(
            template,
            person=self.person,
            token=self.token,
            config=self.config,
            now=self.parts.now(),
            path=self.request.path,
            status=status,
            **context,
        )
        return flask.Response(content, status=status, mimetype="text/html")

    def asked(self, name: str) -> str:
        return self.request.values.get(name, "").strip()[:1024]

    def see(self, path: str) -> flask.Response:
        """After a post, so that a reload posts nothing again."""
        answer = flask.Response("", status=HTTPStatus.SEE_OTHER)
        answer.headers["Location"] = path
        return answer


class Part(Struct, frozen=True, kw_only=True):
    """A part of a page, or why it is missing: the rest is shown all the same."""

    value: Any = None
    missing: str = ""


def part(ask: Callable[[], T]) -> Part:
    try:
        return Part(value=ask())
    except TransshipError as error:
        log.warning("page incomplete", reason=str(error))
        return Part(missing=str(error))


def path_of(name: ServiceName) -> str:
    return f"/services/{name.project}/{name.region}/{name.service}"
