"""Cloud Scheduler's stand-in: ticks on a clock that tests move."""

import queue
from collections.abc import Iterator

import pytest

from local.clock import Clock
from local.scheduler import Job, Scheduler

SWEEP = Job(name="sweep", schedule="*/10 * * * *", topic="projects/p/topics/warm", data=b"{}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ticks() -> queue.Queue[tuple[str, bytes]]:
    return queue.Queue()


@pytest.fixture
def scheduler(clock: Clock, ticks: queue.Queue[tuple[str, bytes]]) -> Iterator[Scheduler]:
    made = Scheduler(clock, lambda topic, data: ticks.put((topic, data)))
    made.add(SWEEP)
    made.start()
    yield made
    made.stop()


def test_a_job_runs_when_its_time_has_come(
    clock: Clock, scheduler: Scheduler, ticks: queue.Queue[tuple[str, bytes]]
) -> None:
    clock.advance(600)
    assert ticks.get(timeout=10) == (SWEEP.topic, SWEEP.data)


def test_ticks_that_were_slept_through_are_not_made_up_for(
    clock: Clock, scheduler: Scheduler, ticks: queue.Queue[tuple[str, bytes]]
) -> None:
    clock.advance(6 * 3600)
    ticks.get(timeout=10)
    clock.advance(600)
    ticks.get(timeout=10)
    assert ticks.empty()


def test_a_job_can_be_run_by_hand(
    scheduler: Scheduler, ticks: queue.Queue[tuple[str, bytes]]
) -> None:
    scheduler.run("sweep")
    assert ticks.get(timeout=10) == (SWEEP.topic, SWEEP.data)


def test_a_schedule_that_is_not_implemented_is_refused(scheduler: Scheduler) -> None:
    with pytest.raises(NotImplementedError, match="0 3"):
        scheduler.add(Job(name="x", schedule="0 3 * * 1", topic="t", data=b"x"))


def test_a_job_without_data_is_refused(scheduler: Scheduler) -> None:
    with pytest.raises(ValueError, match="no data"):
        scheduler.add(Job(name="x", schedule="*/5 * * * *", topic="t", data=b""))
