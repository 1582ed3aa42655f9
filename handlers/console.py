"""The page's edge: who comes, what they may, and what every answer says to a browser.

Reads need a viewer, posts an operator, a form of our own and our own origin. What goes wrong is
told in a page: to people who were let in, with the reason; to others, without.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import flask
import structlog
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from handlers import console_posts, console_views
from handlers.console_visit import Visit
from transship.config import Config
from transship.console import forgery, pages
from transship.console.ports import Parts
from transship.errors import (
    AccessDenied,
    PermanentError,
    RateLimited,
    Refused,
    TemporaryError,
    TransshipError,
)

log = structlog.get_logger()

View = Callable[..., flask.Response]

# A form has a few fields; nobody uploads anything.
BODY_LIMIT = 64 * 1024

_ROUTES = Map(
    [
        Rule("/", endpoint=console_views.fleet, methods=["GET"]),
        Rule(
            "/services/<project>/<region>/<name>",
            endpoint=console_views.service,
            methods=["GET"],
        ),
        Rule(
            "/services/<project>/<region>/<name>/<kind>",
            endpoint=console_posts.steer,
            methods=["POST"],
        ),
        Rule("/deploy", endpoint=console_views.deploy, methods=["GET"]),
        Rule("/deploy", endpoint=console_posts.deploy, methods=["POST"]),
        Rule("/tags", endpoint=console_views.tags, methods=["GET"]),
        Rule("/mirror", endpoint=console_views.mirror, methods=["GET"]),
        Rule("/dead-letters", endpoint=console_views.letters, methods=["GET"]),
        Rule("/dead-letters/<letter>/<verdict>", endpoint=console_posts.judge, methods=["POST"]),
        Rule("/events/<event>", endpoint=console_views.event, methods=["GET"]),
    ]
)

_HEADERS = {
    # Nothing from elsewhere, nothing inline, in nobody's frame: https://www.w3.org/TR/CSP3/
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_FOR_GOOD = "public, max-age=31536000, immutable"


def handle(request: flask.Request, *, config: Config, parts: Parts) -> flask.Response:
    """Always an answer, with what a browser must know."""
    try:
        answer = _asset(request.path) or _admitted(request, config, parts)
    except Exception:
        # A bug. Nobody redelivers a visit, and the framework's own 500 has none of the headers.
        log.exception("page failed", path=request.path)
        answer = _bare(
            HTTPStatus.INTERNAL_SERVER_ERROR, "The page has failed, and its log says how"
        )
    answer.headers.update(_HEADERS)
    answer.headers.setdefault("Cache-Control", "no-store")
    if request.headers.get("X-Forwarded-Proto") == "https":
        answer.headers["Strict-Transport-Security"] = "max-age=31536000"
    return answer


def _asset(path: str) -> flask.Response | None:
    """Without a question: they are the same for everybody, and public in this repository."""
    *_, name = path.split("/")
    if not path.startswith("/assets/") or (found := pages.asset(name)) is None:
        return None
    content, media_type = found
    answer = flask.Response(content, mimetype=media_type)
    answer.headers["Cache-Control"] = _FOR_GOOD if path == pages.address(name) else "no-cache"
    return answer


def _admitted(request: flask.Request, config: Config, parts: Parts) -> flask.Response:
    headers = {name.lower(): text for name, text in request.headers.items()}
    try:
        email = parts.identify(headers)
    except AccessDenied as error:
        log.warning("visitor refused", reason=str(error))
        return _bare(HTTPStatus.UNAUTHORIZED, "Nobody has said who you are")
    except TransshipError as error:
        log.warning("visitor not identified", reason=str(error))
        return _bare(HTTPStatus.SERVICE_UNAVAILABLE, "It cannot be told who you are just now")
    person = config.door.people.admit(email)
    if person is None:
        log.warning("visitor refused", reason="on no list", email=email)
        return _bare(HTTPStatus.FORBIDDEN, f"{email[:200]} is on no list of this page")
    cookie = request.cookies.get(forgery.COOKIE, "")
    if not forgery.is_cookie(cookie):
        cookie = forgery.new_cookie()
    visit = Visit(
        person=person,
        request=request,
        config=config,
        parts=parts,
        token=parts.forgery.token(person.email, cookie, now=parts.now()) if person.steers else "",
    )
    answer = _answered(visit, headers)
    if request.cookies.get(forgery.COOKIE) != cookie:
        # Lax: a link from a chat leads to a page whose forms work, and no post brings it along.
        answer.set_cookie(
            forgery.COOKIE,
            cookie,
            httponly=True,
            samesite="Lax",
            secure=request.headers.get("X-Forwarded-Proto") == "https",
        )
    return answer


def _answered(visit: Visit, headers: dict[str, str]) -> flask.Response:
    request = visit.request
    method = "GET" if request.method == "HEAD" else request.method
    try:
        view, named = _ROUTES.bind("").match(request.path, method)
        if method == "POST":
            _check_post(visit, headers)
        answer: flask.Response = view(visit, **named)
    except HTTPException as error:
        # The routes' own 404, 405 and redirects; the framework's 413, which it would raise again
        # when it drains what was not read.
        request.max_content_length = None
        return _told(visit, error.code or HTTPStatus.NOT_FOUND, _words(error))
    except Refused as error:
        log.warning("post refused" if method == "POST" else "request refused", reason=str(error))
        return _told(visit, HTTPStatus.FORBIDDEN, str(error))
    except RateLimited as error:
        return _told(visit, HTTPStatus.TOO_MANY_REQUESTS, str(error))
    except TemporaryError as error:
        log.warning("page incomplete", reason=str(error))
        return _told(visit, HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    except PermanentError as error:
        return _told(visit, HTTPStatus.BAD_REQUEST, str(error))
    return answer


def _check_post(visit: Visit, headers: dict[str, str]) -> None:
    """Raises Refused."""
    if not visit.person.steers:
        raise Refused("role", f"{visit.person.email} may look and not steer; right is an operator")
    visit.request.max_content_length = BODY_LIMIT
    forgery.check_origin(headers, visit.request.host)
    visit.parts.forgery.check(
        visit.request.form.get(forgery.FIELD, ""),
        visit.person.email,
        visit.request.cookies.get(forgery.COOKIE, ""),
        now=visit.parts.now(),
    )


def _told(visit: Visit, status: int, reason: str) -> flask.Response:
    return visit.page("problem.html", status=status, reason=reason)


def _words(error: HTTPException) -> str:
    words: dict[int, str] = {
        HTTPStatus.NOT_FOUND: "There is no such page.",
        HTTPStatus.METHOD_NOT_ALLOWED: "That page takes no such request.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The form is too long.",
    }
    return words.get(error.code or 0, "The request is not understood.")


def _bare(status: HTTPStatus, reason: str) -> flask.Response:
    content: Any = pages.page("outside.html", status=int(status), reason=reason)
    return flask.Response(content, status=status, mimetype="text/html")
