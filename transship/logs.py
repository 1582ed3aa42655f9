"""Structured logs: one JSON object a line, an event name and fields, in Cloud Logging's words.

https://cloud.google.com/logging/docs/structured-logging. The functions framework configures
nothing: without this, everything below WARNING is lost.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any, Protocol

import structlog

_TRACE = re.compile(r"([0-9a-f]{32})/([0-9]+)")
_PARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


def configure(*, level: int = logging.INFO) -> None:
    """JSON lines on stdout, from structlog and from whoever uses the standard library's logging."""
    shared: list[structlog.typing.Processor] = [
        _of_request,
        structlog.stdlib.add_log_level,
        _severity,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))


class Headers(Protocol):
    """Of a request, asked for by names of any case."""

    def get(self, key: str, default: str) -> str: ...


class RequestContext:
    """Every line that is logged in it has the trace and the execution id of its request.

    The headers are only read for a line: most events that end in "nothing to do" log none.
    """

    __slots__ = ("_request", "_token")

    def __init__(self, headers: Headers, *, project: str) -> None:
        self._request = (headers, project)

    def __enter__(self) -> None:
        self._token = _REQUEST.set(self._request)

    def __exit__(self, *_: object) -> None:
        _REQUEST.reset(self._token)


_REQUEST: ContextVar[tuple[Headers, str] | None] = ContextVar("request", default=None)


def _of_request(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if (request := _REQUEST.get()) is None:
        return event
    headers, project = request
    if trace := _TRACE.match(headers.get("X-Cloud-Trace-Context", "")):
        trace_id, span_id = trace[1], f"{int(trace[2]):016x}"
    elif trace := _PARENT.fullmatch(headers.get("Traceparent", "")):
        trace_id, span_id = trace[1], trace[2]
    else:
        trace_id = span_id = ""
    if trace_id:
        event["logging.googleapis.com/trace"] = f"projects/{project}/traces/{trace_id}"
        event["logging.googleapis.com/spanId"] = span_id
    if execution := headers.get("Function-Execution-Id", ""):
        event["logging.googleapis.com/labels"] = {"execution_id": execution}
    return event


def _severity(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["severity"] = str(event.pop("level", "info")).upper()
    # Cloud Logging's `message` is the event's name; a failed outcome has one of its own.
    if "message" in event:
        event["condition_message"] = event.pop("message")
    event["message"] = event.pop("event", "")
    return event
