"""When the same question is worth asking again at once.

Only what a moment can mend: a longer wait is the event source's, which redelivers.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import stamina
from msgspec import Struct

from transship.deadline import Deadline
from transship.errors import PermanentError, RateLimited, RegistryUnavailable

T = TypeVar("T")

# stamina takes no time at all for no limit.
_SHORTEST = 0.001

# Twenty retries; ten answers earn another.
_BUDGET, _RETRY, _ANSWER = 200, 10, 1


class Retries(Struct, frozen=True, kw_only=True):
    """At most so many *attempts*, with waits that double from *first_wait* and have *jitter*.

    A source that asks for up to *patience* seconds is waited for; a longer time is reported.
    """

    attempts: int = 4
    first_wait: float = 0.2
    longest_wait: float = 4.0
    jitter: float = 1.0
    patience: float = 3.0


class Budget:
    """Retries that all requests to a registry share, so that an outage is not multiplied.

    As in gRPC's retry throttling: a retry takes some, an answer gives back a tenth of that.
    https://github.com/grpc/proposal/blob/master/A6-client-retries.md#throttling-retry-attempts-and-hedged-rpcs
    """

    def __init__(self) -> None:
        self._left = _BUDGET
        self._lock = threading.Lock()

    def take(self) -> bool:
        with self._lock:
            if self._left < _RETRY:
                return False
            self._left -= _RETRY
            return True

    def give_back(self) -> None:
        with self._lock:
            self._left = min(_BUDGET, self._left + _ANSWER)


def persist(
    ask: Callable[[], T],
    *,
    retries: Retries,
    budget: Budget,
    deadline: Deadline,
    now: Callable[[], datetime],
) -> T:
    """What *ask* returns, asked again where an error is worth it."""

    made = 0

    def wait(error: Exception) -> bool | float:
        nonlocal made
        made += 1
        if made == retries.attempts or deadline.passed:
            return False
        pause = _pause(error, retries, now)
        return pause if pause is not False and budget.take() else False

    caller = stamina.RetryingCaller(
        attempts=retries.attempts,
        timeout=max(deadline.remaining(), _SHORTEST),
        wait_initial=retries.first_wait,
        wait_max=retries.longest_wait,
        wait_jitter=retries.jitter,
    )
    try:
        answer = caller(wait, ask)
    except PermanentError:
        budget.give_back()  # a refusal is an answer
        raise
    budget.give_back()
    return answer


def _pause(error: Exception, retries: Retries, now: Callable[[], datetime]) -> bool | float:
    """Seconds where the source named a time, True where the usual wait will do, False for never."""
    if isinstance(error, RateLimited) and error.retry_at is not None:
        asked = max((error.retry_at - now()).total_seconds(), 0.0)
        return asked if asked <= retries.patience else False
    return isinstance(error, RegistryUnavailable)
