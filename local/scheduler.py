"""Cloud Scheduler, as far as its jobs publish to Pub/Sub: on the clock of the local cloud.

Schedules are "every N minutes", which is all that the infrastructure asks for; a cron expression
that says more is refused.
"""

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.clock import Clock

log = logging.getLogger(__name__)

_EVERY = re.compile(r"\*/([1-9][0-9]?) \* \* \* \*")
_EPOCH_MINUTE = timedelta(minutes=1)
# The clock can be moved by hand, so it is looked at rather than waited for.
_LOOK = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """*data* must not be empty: a push of a message without data is refused by many receivers."""

    name: str
    schedule: str
    topic: str
    data: bytes


class Scheduler:
    """*publish* is given a topic and data; what it raises is logged, and the next tick comes."""

    def __init__(self, clock: Clock, publish: Callable[[str, bytes], object]) -> None:
        self._clock = clock
        self._publish = publish
        self._jobs: dict[str, tuple[Job, timedelta, datetime]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="scheduler", daemon=True)

    def add(self, job: Job) -> None:
        every = _EVERY.fullmatch(job.schedule)
        if not every:
            raise NotImplementedError(f"{job.schedule!r}: only */N * * * * is implemented here")
        if not job.data:
            raise ValueError(f"{job.name} has no data")
        period = int(every[1]) * _EPOCH_MINUTE
        with self._lock:
            self._jobs[job.name] = (job, period, _next(self._clock.now(), period))

    def run(self, name: str) -> None:
        """Now, as "force run" in Google's console does."""
        with self._lock:
            job = self._jobs[name][0]
        self._publish(job.topic, job.data)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _tick(self) -> None:
        while not self._stopping.wait(_LOOK):
            for job in self._due():
                try:
                    self._publish(job.topic, job.data)
                except Exception:
                    log.exception("job %s did not publish", job.name)

    def _due(self) -> list[Job]:
        """One tick a job however far the clock was moved: missed ones are not made up for."""
        now = self._clock.now()
        with self._lock:
            due = [entry for entry in self._jobs.values() if entry[2] <= now]
            for job, period, _ in due:
                self._jobs[job.name] = (job, period, _next(now, period))
        return [job for job, _, _ in due]


def _next(now: datetime, period: timedelta) -> datetime:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + period * ((now - midnight) // period + 1)
