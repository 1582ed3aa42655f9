"""How a command ends: its exit status, and the sentence that says what to do.

0  done, or nothing had to be done
1  failed: the outcome says rejected, failed or not done; or what was named is not there
2  the command line, or a setting, is wrong
3  the time that --within gives has run out; the message is still on its way
4  not reached: no credentials, a permission is missing, no stack or no topic, or a registry that
   does not answer or asks to be left alone
130  Ctrl-C
"""

import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum

import click

from transship.errors import (
    AccessDenied,
    InvalidEvent,
    InvalidReference,
    NoMirror,
    PermanentError,
    RateLimited,
    RegistryUnavailable,
    ServiceUnavailable,
    TransshipError,
)
from transship.variables import InvalidConfiguration


class Status(IntEnum):
    DONE = 0
    FAILED = 1
    USAGE = 2
    TIMED_OUT = 3
    NOT_REACHED = 4
    INTERRUPTED = 130


# Ctrl-C, remembered: where it comes in the middle of a call of gRPC's, the exception may be lost.
INTERRUPTED = threading.Event()


class Ended(click.ClickException):
    """An end other than good; *message* says what happened and what to do."""

    def __init__(self, message: str, status: Status = Status.FAILED) -> None:
        super().__init__(message)
        self.exit_code = int(status)  # type: ignore[misc]  # click reads the instance's


_STATUSES: tuple[tuple[type[Exception], Status], ...] = (
    (InvalidConfiguration, Status.USAGE),
    (InvalidEvent, Status.USAGE),
    (InvalidReference, Status.USAGE),
    (NoMirror, Status.USAGE),
    (AccessDenied, Status.NOT_REACHED),
    (PermanentError, Status.FAILED),
    (ServiceUnavailable, Status.NOT_REACHED),
    (RegistryUnavailable, Status.NOT_REACHED),
    (RateLimited, Status.NOT_REACHED),
    (TransshipError, Status.FAILED),
)


@contextmanager
def in_words() -> Iterator[None]:
    """Whatever can go wrong, as a sentence and a status; a bug stays a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        raise click.exceptions.Exit(Status.INTERRUPTED) from None
    except OSError as error:
        if error.errno == errno.EPIPE:
            # Whoever read has had enough: click ends quietly.
            raise
        _silence()
        raise Ended(f"what there is to say cannot be written: {error.strerror or error}") from error
    except (InvalidConfiguration, TransshipError) as error:
        status = next(status for kind, status in _STATUSES if isinstance(error, kind))
        raise Ended(str(error), status) from error
    except Exception as error:
        # Google's own library of credentials, which is loaded only where it is used.
        if type(error).__module__.startswith("google.auth."):
            raise Ended(
                f"no credentials: {error}\n"
                "  Run `gcloud auth application-default login`, or start the local stack and run"
                ' eval "$(python -m local env)".',
                Status.NOT_REACHED,
            ) from error
        raise


def _silence() -> None:
    """What could not be written would be tried again at exit, with a status of Python's own.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
