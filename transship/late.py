"""Something that is slow to make: made late, since not every event needs it, or made meanwhile."""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Late(Generic[T]):
    """Made by whoever asks first, once; who asks meanwhile waits for that."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: T | None = None

    def __call__(self) -> T:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


def meanwhile(make: Callable[[], T]) -> Callable[[], T]:
    """Begin to make it in a thread of its own; whoever calls the result waits for it.

    *make* has a deadline of its own. What it raises is raised there, and lost where nobody asks.
    """
    future: Future[T] = Future()
    # Its log lines belong to the same request.
    context = contextvars.copy_context()

    def run() -> None:
        try:
            future.set_result(context.run(make))
        except BaseException as error:  # noqa: BLE001 - raised where it is asked for
            future.set_exception(error)

    threading.Thread(target=run, name="meanwhile", daemon=True).start()
    return future.result
