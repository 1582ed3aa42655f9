"""Of the v1 REST API what reads services: the list of all regions, by label, and a single one.

The host says the region, as `asia-northeast1-run.googleapis.com` does; the global one lists all.
https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services
"""

import json
import logging
import re
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc

from local.parameters import unknown_parameter
from local.regional_hosts import region_of
from local.run import knative, paging
from local.run.behaviour import Call, Journal
from local.run.errors import ApiError, invalid
from local.run.fleet import Fleet
from local.run.iam import principal
from local.run.label_selectors import labels_match
from local.run.names import Parent
from local.serving import end, serve

log = logging.getLogger(__name__)

# The documented address, and the one that gcloud asks (`-` is every region).
_LISTS = (
    r"/apis/serving\.knative\.dev/v1/namespaces/(?P<project>[^/]+)/services",
    r"/v1/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/services",
)
_GETS = tuple(f"{path}/(?P<service>[^/]+)" for path in _LISTS)
_PATHS = tuple(re.compile(path) for path in _LISTS + _GETS)
_PARAMETERS = frozenset({"continue", "labelSelector", "limit"})
_STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    grpc.StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    grpc.StatusCode.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


class V1:
    """A fault of ``v1.ListServices`` or ``v1.GetService`` is answered as its HTTP status."""

    def __init__(self, fleet: Fleet, journal: Journal) -> None:
        self._fleet = fleet
        self._journal = journal
        self._server: ThreadingHTTPServer | None = None
        self.url = ""

    def start(self) -> None:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            # Else a long answer waits 40 ms for the acknowledgement of its first packet.
            disable_nagle_algorithm = True

            def handle_any(self) -> None:
                # What is sent along is of no use, and the next request comes after it.
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, document = answer(self.command, self.path, self.headers)
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_DELETE = do_GET = do_PATCH = do_POST = do_PUT = handle_any  # noqa: N815 - http.server's

            def log_message(self, *args: Any) -> None:
                log.debug(*args)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        serve(self._server, "run-v1")

    def stop(self) -> None:
        if self._server is not None:
            end(self._server)
            self._server = None

    def _answer(self, verb: str, target: str, headers: Message) -> tuple[int, Any]:
        try:
            return HTTPStatus.OK, self._read(verb, target, headers)
        except ApiError as error:
            status = _STATUSES.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)
            log.info("%s: %s %s", target, status.value, error.message)
            return status, {
                "error": {
                    "code": status.value,
                    "message": error.message,
                    "status": error.code.name,
                }
            }

    def _read(self, verb: str, target: str, headers: Message) -> Any:
        parts = urlsplit(target)
        found = next(filter(None, (path.fullmatch(parts.path) for path in _PATHS)), None)
        if found is None or verb != "GET":
            raise _unimplemented(f"{verb} {parts.path}")
        asked = found.groupdict()
        if unknown := unknown_parameter(parts.query, () if "service" in asked else _PARAMETERS):
            raise _unimplemented(f"the parameter {unknown!r} of {verb} {parts.path}")
        caller = principal(headers.get("Authorization", ""))
        if caller is None:
            raise ApiError(
                grpc.StatusCode.UNAUTHENTICATED,
                "Request is missing required authentication credential: a token ya29.local.EMAIL",
            )
        project = asked["project"]
        location = asked.get("location") or region_of(headers.get("Host", "")) or "-"
        method = "v1.GetService" if "service" in asked else "v1.ListServices"
        call = Call(method=method, resource=f"namespaces/{project}", principal=caller)
        with self._journal.during(call):
            if "service" in asked:
                return self._one(project, location, asked["service"])
            return self._page(project, location, parse_qs(parts.query))

    def _one(self, project: str, location: str, service: str) -> Any:
        if location == "-":
            raise invalid("name", "a service is in a region: ask the region's own endpoint")
        with self._fleet.lock:
            name = Parent(project=project, location=location).service(service)
            return knative.service(self._fleet.record(name).message, project)

    def _page(self, project: str, location: str, query: dict[str, list[str]]) -> Any:
        given = {key: values[-1] for key, values in query.items()}
        limit = given.get("limit", "0")
        if not limit.isdigit():
            raise invalid("limit", f"{limit!r} is not a number")
        matches = labels_match(given.get("labelSelector", ""))
        self._fleet.check_project(project)
        with self._fleet.lock:
            found = [
                (record.message.name, record.message)
                for record in self._fleet.records(
                    lambda record: (
                        record.parent.project == project
                        and location in ("-", record.parent.location)
                    )
                )
                if matches(knative.labels(record.message))
            ]
            shown, more = paging.page(found, size=int(limit), token=given.get("continue", ""))
            items = [knative.service(message, project) for message in shown]
        return {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "ServiceList",
            "metadata": {"continue": more} if more else {},
            "items": items,
            "unreachable": [],
        }


def _unimplemented(what: str) -> ApiError:
    log.error("not implemented here: %s", what)
    return ApiError(grpc.StatusCode.UNIMPLEMENTED, f"The local Cloud Run does not implement {what}")
