"""Waits that are ended where they would have no end, and left alone otherwise."""

import threading

import pytest

from transship.clients.watch import Watch

LONG = 60.0


def running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "watch"]


def test_a_wait_that_lasts_too_long_is_ended() -> None:
    ended = threading.Event()

    with Watch().within(0.01, ended.set) as wait:
        assert ended.wait(LONG)

    assert wait.has_expired


def test_a_shorter_wait_is_ended_while_a_longer_one_goes_on() -> None:
    watch, short, long = Watch(), threading.Event(), threading.Event()

    with watch.within(LONG, long.set) as first, watch.within(0.01, short.set):
        assert short.wait(LONG)

    assert not long.is_set()
    assert not first.has_expired


def test_a_wait_that_is_over_is_never_ended() -> None:
    watch, over, later = Watch(), threading.Event(), threading.Event()

    with watch.within(0.02, over.set) as wait:
        pass
    with watch.within(0.04, later.set):
        assert later.wait(LONG)

    assert not over.is_set()
    assert not wait.has_expired


def test_many_waits_take_one_thread() -> None:
    watch, one, two = Watch(), threading.Event(), threading.Event()
    before = len(running())

    with watch.within(0.05, one.set), watch.within(0.05, two.set):
        # Others may have ended since.
        assert len(running()) <= before + 1
        assert one.wait(LONG)
        assert two.wait(LONG)


def test_an_error_in_the_block_is_the_callers() -> None:
    with pytest.raises(ValueError, match="ours"), Watch().within(LONG, lambda: None):
        raise ValueError("ours")
