"""How the stand-in refuses: a gRPC status, and for what fails after acceptance a reason as well.

Texts are those that users quote from Cloud Run; match on the codes first.
"""

import logging
from typing import Any

import grpc
from google.cloud import run_v2

log = logging.getLogger(__name__)

Common: Any = run_v2.Condition.CommonReason
OfRevision: Any = run_v2.Condition.RevisionReason


class ApiError(Exception):
    """Refused before anything was changed."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(field: str, problem: str) -> ApiError:
    return ApiError(grpc.StatusCode.INVALID_ARGUMENT, f"Violation in {field}: {problem}")


def not_found(name: str) -> ApiError:
    return ApiError(grpc.StatusCode.NOT_FOUND, f"Resource '{name}' was not found.")


class RevisionFailed(Exception):
    """A revision that was accepted and did not become ready; *reason* is a CommonReason or a
    RevisionReason of its condition."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: Any,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason


def image_missing(image: str) -> RevisionFailed:
    return RevisionFailed(
        grpc.StatusCode.NOT_FOUND,
        f"Image '{image}' not found.",
        reason=Common.CONTAINER_MISSING,
    )


def image_forbidden(image: str, agent: str) -> RevisionFailed:
    return RevisionFailed(
        grpc.StatusCode.PERMISSION_DENIED,
        f"Google Cloud Run Service Agent {agent} must have permission to read the image, {image}. "
        "Ensure that the provided container image URL is correct and that the above account has "
        "permission to access the image.",
        reason=Common.CONTAINER_PERMISSION_DENIED,
    )


def image_not_imported(image: str, cause: str) -> RevisionFailed:
    """What the live service answers when the upstream of a mirror fails is not published."""
    return RevisionFailed(
        grpc.StatusCode.INTERNAL,
        f"Failed to import image '{image}': {cause}",
        reason=Common.INTERNAL,
    )


def wrong_platform(image: str, media_type: str, platform: str) -> RevisionFailed:
    os, architecture = platform.split("/")[:2]
    return RevisionFailed(
        grpc.StatusCode.FAILED_PRECONDITION,
        f"Container manifest type '{media_type}' must support {architecture}/{os}: {image}",
        reason=Common.CONTAINER_MISSING,
    )


def never_listened(port: int) -> RevisionFailed:
    return RevisionFailed(
        grpc.StatusCode.FAILED_PRECONDITION,
        "The user-provided container failed to start and listen on the port defined provided "
        f"by the PORT={port} environment variable within the allocated timeout. This can happen "
        "when the container port is misconfigured or if the timeout is too short. The health "
        "check timeout can be extended. Logs for this revision might contain more information.",
        reason=OfRevision.HEALTH_CHECK_CONTAINER_ERROR,
    )


def probe_failed() -> RevisionFailed:
    return RevisionFailed(
        grpc.StatusCode.FAILED_PRECONDITION,
        "The user-provided container failed the configured startup probe checks. Logs for this "
        "revision might contain more information.",
        reason=OfRevision.HEALTH_CHECK_CONTAINER_ERROR,
    )


def unsupported(what: str) -> RevisionFailed:
    """The live service could do it; this one says so instead of doing something else."""
    log.error("not implemented here: %s", what)
    return RevisionFailed(
        grpc.StatusCode.UNIMPLEMENTED,
        f"The local Cloud Run does not implement {what}.",
        reason=Common.UNKNOWN,
    )


def shutting_down() -> RevisionFailed:
    return RevisionFailed(
        grpc.StatusCode.UNAVAILABLE,
        "The local Cloud Run is being stopped.",
        reason=Common.POSTPONED_RETRY,
    )


def not_started(cause: str) -> RevisionFailed:
    return RevisionFailed(
        grpc.StatusCode.INTERNAL,
        f"The container could not be started: {cause}",
        reason=Common.INTERNAL,
    )


def not_ready_yet() -> RevisionFailed:
    return RevisionFailed(
        grpc.StatusCode.FAILED_PRECONDITION,
        "The revision has not finished starting.",
        reason=Common.WAITING_FOR_OPERATION,
    )
