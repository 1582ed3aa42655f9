"""Look at a tag at most once a minute, however many events say that it may have moved.

One pull leaves several hints, and a busy image is pulled all day. A hint is about the past: a look
that began after it answers it. One that is newer than the last look waits by being redelivered,
and whatever comes meanwhile is covered by it.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta

from transship.deadline import Deadline
from transship.errors import RateLimited, RegistryUnavailable, TooSoon
from transship.model.reference import Reference
from transship.throttle import Pauses

INTERVAL = timedelta(minutes=1)
# More tags than one instance hears of in a minute.
_TAGS = 10_000


@dataclass(slots=True, kw_only=True)
class _Look:
    """*waiting* is the event that comes back for the next one."""

    began: datetime
    answer: Future[Reference]
    waiting: str = ""


class Checks:
    """What tags meant at their last look; shared by the threads of an instance."""

    def __init__(self, *, limit: int = _TAGS) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._looks: dict[str, _Look] = {}
        self._pauses = Pauses()

    def meaning(
        self,
        image: Reference,
        look: Callable[[], Reference],
        *,
        event_id: str,
        at: datetime,
        now: datetime,
        deadline: Deadline,
    ) -> Reference | None:
        """What *look* made of *image*'s tag, and raised, in a look that began *at* or later.

        None: another event waits and will see what this one would have seen. Raises TooSoon where
        this event is the one that waits, and RateLimited while the registry is not to be asked.
        """
        with self._lock:
            known = self._looks.get(str(image))
            is_first = known is None or now >= known.began + INTERVAL
            if known is None or is_first:
                self._pauses.check(image.registry, now)
                known = self._begin(image, now)
            elif at > known.began:
                if known.waiting not in {"", event_id}:
                    return None
                known.waiting = event_id
                raise TooSoon(f"{image} was looked at less than a minute ago")
        if is_first:
            self._look(look, known.answer, now)
        return _answer(known.answer, image, deadline)

    def _begin(self, image: Reference, now: datetime) -> _Look:
        begun = _Look(began=now, answer=Future())
        self._looks.pop(str(image), None)
        self._looks[str(image)] = begun
        while len(self._looks) > self._limit:
            del self._looks[next(iter(self._looks))]
        return begun

    def _look(
        self, look: Callable[[], Reference], answer: Future[Reference], now: datetime
    ) -> None:
        try:
            answer.set_result(look())
        except BaseException as error:
            if isinstance(error, RateLimited):
                self._pauses.note(error, now)
            answer.set_exception(error)
            raise


def _answer(answer: Future[Reference], image: Reference, deadline: Deadline) -> Reference:
    try:
        return answer.result(timeout=deadline.remaining())
    except TimeoutError as error:
        raise RegistryUnavailable(f"{image}: another look at it is not done") from error
