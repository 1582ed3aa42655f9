"""Look at many tags upstream: one HEAD each, politely, side by side.

HEAD costs no quota (https://docs.docker.com/docker-hub/usage/pulls/), requests do count against
abuse limits. So each host has its rate, and the first 429 ends the whole look: what has been seen
by then still counts.
"""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

from msgspec import Struct

from transship.errors import ImageNotFound, PermanentError, TemporaryError
from transship.model.fetched import Head
from transship.model.reference import Reference
from transship.throttle import Pauses, Throttle

# Latency, not work: with 30 ms to the registry, 32 at a time reach a thousand a second.
_SIDE_BY_SIDE = 32


class Look(Struct, frozen=True, kw_only=True):
    """What *tag* means now: *head*, or None where it is gone; *error* where nobody knows."""

    tag: Reference
    head: Head | None = None
    error: TemporaryError | PermanentError | None = None

    @property
    def is_gone(self) -> bool:
        return self.head is None and self.error is None


def look_at(
    tags: Iterable[Reference],
    head: Callable[[Reference], Head],
    *,
    throttle: Throttle,
    pauses: Pauses,
    now: Callable[[], datetime],
) -> Generator[Look, None, None]:
    """In the order of *tags*; those not asked any more because of a 429 carry that as their error.

    *head* keeps to *pauses*. Memory does not grow with the number of tags.
    """

    def look(tag: Reference) -> Look:
        try:
            # Here too, so that nobody waits for a turn that will be refused.
            pauses.check(tag.registry, now())
            throttle.wait(tag.registry)
            return Look(tag=tag, head=head(tag))
        except ImageNotFound:
            return Look(tag=tag)
        except (TemporaryError, PermanentError) as error:
            return Look(tag=tag, error=error)

    with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="look") as pool:
        waiting: list[Future[Look]] = []
        for tag in tags:
            waiting.append(pool.submit(look, tag))
            if len(waiting) == 2 * _SIDE_BY_SIDE:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()
