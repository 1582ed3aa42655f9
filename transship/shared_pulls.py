"""Pulls that several threads want at the same time, made once.

Ten copies of a message are ten deliveries at once; the mirror and the memory are there but once.
"""

import threading
from concurrent.futures import Future
from functools import partial

from transship.deadline import Deadline
from transship.errors import RegistryUnavailable
from transship.model.platform import Platform
from transship.model.reference import Reference
from transship.prove import Progress
from transship.pull import Limits, Pulled, Registry, pull
from transship.ranges import Ranges

_Key = tuple[str, Platform, Limits | None]


class SharedPulls:
    def __init__(self, ranges: Ranges | None = None) -> None:
        self._pull = partial(pull, ranges=ranges)
        self._lock = threading.Lock()
        self._flying: dict[_Key, Future[Pulled]] = {}

    def pull(
        self,
        registry: Registry,
        reference: Reference,
        platform: Platform,
        *,
        deadline: Deadline,
        limits: Limits | None = None,
        progress: Progress | None = None,
    ) -> Pulled:
        """As `pull`; who comes second shares the first one's result, error and progress."""
        # A tag may have moved since the first one asked: only a digest is shared.
        if reference.digest is None:
            return self._pull(
                registry, reference, platform, deadline=deadline, limits=limits, progress=progress
            )
        key = (f"{reference.name}@{reference.digest}", platform, limits)
        with self._lock:
            is_first = key not in self._flying
            flying = self._flying.setdefault(key, Future())
        if not is_first:
            return _wait(flying, reference, deadline)
        try:
            pulled = self._pull(
                registry, reference, platform, deadline=deadline, limits=limits, progress=progress
            )
        except BaseException as error:
            flying.set_exception(error)
            raise
        else:
            flying.set_result(pulled)
            return pulled
        finally:
            with self._lock:
                del self._flying[key]


def _wait(flying: Future[Pulled], reference: Reference, deadline: Deadline) -> Pulled:
    try:
        return flying.result(timeout=deadline.remaining())
    except TimeoutError as error:
        raise RegistryUnavailable(f"{reference}: another pull of it is not done") from error
