"""A line of log is one JSON object, in Cloud Logging's words and with the request's trace."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import pytest
import structlog
from werkzeug.datastructures import Headers

from transship import logs

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@contextmanager
def logging_to(lines: list[dict[str, Any]]) -> Iterator[None]:
    """Every line logged inside, decoded, is in *lines* afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with redirect_stdout(io.StringIO()) as output:
        logs.configure()
        yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    lines += map(json.loads, output.getvalue().splitlines())


def test_a_line_has_a_severity_a_message_and_fields() -> None:
    lines: list[dict[str, Any]] = []
    with logging_to(lines):
        structlog.get_logger().warning("event deferred", event_id="1", attempts=2)

    assert lines == [
        {"severity": "WARNING", "message": "event deferred", "event_id": "1", "attempts": 2}
    ]


def test_an_outcomes_own_message_does_not_get_lost_behind_the_events_name() -> None:
    lines: list[dict[str, Any]] = []
    with logging_to(lines):
        structlog.get_logger().info("event settled", message="never listened on 80")

    assert lines == [
        {
            "severity": "INFO",
            "message": "event settled",
            "condition_message": "never listened on 80",
        }
    ]


def test_what_libraries_log_has_the_same_form() -> None:
    lines: list[dict[str, Any]] = []
    with logging_to(lines):
        logging.getLogger("somebody").error("broken: %s", "pipe")

    assert lines == [{"severity": "ERROR", "message": "broken: pipe"}]


def test_an_exception_is_a_part_of_its_line() -> None:
    lines: list[dict[str, Any]] = []
    with logging_to(lines):
        try:
            int("odd")
        except ValueError:
            structlog.get_logger().exception("failed")

    (line,) = lines
    assert line["severity"] == "ERROR"
    assert "ValueError: invalid literal" in line["exception"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Cloud-Trace-Context": f"{TRACE}/{int(SPAN, 16)};o=1"},
        # As werkzeug spells what the platform sends in lower case.
        {"Traceparent": f"00-{TRACE}-{SPAN}-01"},
        {"traceparent": f"00-{TRACE}-{SPAN}-01"},
    ],
)
def test_a_line_belongs_to_the_trace_of_its_request(headers: dict[str, str]) -> None:
    lines: list[dict[str, Any]] = []
    with logging_to(lines), logs.RequestContext(Headers(headers), project="sample-project"):
        structlog.get_logger().info("event settled")

    (line,) = lines
    assert line["logging.googleapis.com/trace"] == f"projects/sample-project/traces/{TRACE}"
    assert line["logging.googleapis.com/spanId"] == SPAN


def test_the_execution_is_a_label() -> None:
    lines: list[dict[str, Any]] = []
    with logging_to(lines):
        with logs.RequestContext({"Function-Execution-Id": "x1"}, project="sample-project"):
            structlog.get_logger().info("event settled")
        structlog.get_logger().info("afterwards")

    inside, afterwards = lines
    assert inside["logging.googleapis.com/labels"] == {"execution_id": "x1"}
    assert "logging.googleapis.com/labels" not in afterwards


def test_a_header_that_is_no_trace_is_ignored() -> None:
    lines: list[dict[str, Any]] = []
    with (
        logging_to(lines),
        logs.RequestContext({"traceparent": "nonsense"}, project="sample-project"),
    ):
        structlog.get_logger().info("event settled")

    assert lines == [{"severity": "INFO", "message": "event settled"}]
