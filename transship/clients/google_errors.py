"""Translate the Google clients' errors once, by class, never by message text.

google.api_core.exceptions: the HTTP-named classes cover both transports, the gRPC-named ones are
their subclasses. Loaded with the clients, never before.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from google.api_core import exceptions

from transship.errors import (
    AccessDenied,
    RateLimited,
    Refused,
    ServiceConflict,
    ServiceUnavailable,
)


@contextmanager
def translated(doing: str, *, api: str, grant: str) -> Iterator[None]:
    """Raise ours for theirs; *grant* is the role to name when a permission is missing.

    Where "not found", or a precondition that failed, is an answer, it is caught inside.
    """
    try:
        yield
    except exceptions.Conflict as error:
        raise ServiceConflict(f"{doing}: {error.message}") from error
    except exceptions.NotFound as error:
        raise ServiceConflict(f"{doing}: gone meanwhile: {error.message}") from error
    except exceptions.Forbidden as error:
        raise AccessDenied(f"{doing}: {error.message}; grant {grant}") from error
    except exceptions.TooManyRequests as error:
        raise RateLimited(f"{doing}: {error.message}", source=api) from error
    except exceptions.BadRequest as error:
        raise Refused(api, f"{doing}: {error.message}") from error
    except (exceptions.GoogleAPICallError, exceptions.RetryError) as error:
        # DeadlineExceeded among them: the call may have been accepted. Read again before writing.
        raise ServiceUnavailable(f"{doing}: {error.message}") from error
