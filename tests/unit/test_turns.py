"""Copies of one message take turns; other messages do not wait for them."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from transship.deadline import Deadline
from transship.errors import DeployPending
from transship.turns import Turns

SECONDS = 20


def soon() -> Deadline:
    return Deadline.after(SECONDS)


def test_copies_of_an_event_go_one_after_the_other() -> None:
    turns, inside, most = Turns(), [], []

    def copy(number: int) -> None:
        with turns.of("1", deadline=soon()):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0)
            inside.remove(number)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(copy, range(100)))

    assert set(most) == {1}


def test_another_event_does_not_wait() -> None:
    turns = Turns()

    with turns.of("1", deadline=soon()), turns.of("2", deadline=soon()):
        pass


def test_a_copy_that_fails_gives_its_turn_to_the_next() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.of("1", deadline=soon()):
        _ = 1 / 0

    with turns.of("1", deadline=Deadline.after(0)):
        pass


def test_whoever_waits_longer_than_it_may_comes_back_by_redelivery() -> None:
    turns, taken, done = Turns(), threading.Event(), threading.Event()

    def hold() -> None:
        with turns.of("1", deadline=soon()):
            taken.set()
            done.wait(SECONDS)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(hold)
        assert taken.wait(SECONDS)
        try:
            with (
                pytest.raises(DeployPending, match="another copy of 1"),
                turns.of("1", deadline=Deadline.after(0)),
            ):
                pass
        finally:
            done.set()


def test_nothing_is_kept_of_events_that_are_over() -> None:
    turns = Turns()
    for number in range(1000):
        with turns.of(str(number), deadline=soon()):
            pass

    assert turns._turns == {}
