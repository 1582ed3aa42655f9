"""A dictionary that cannot grow for ever."""

from transship.clients.bounded import Bounded


def test_the_entries_that_were_added_last_are_kept() -> None:
    kept: Bounded[str, int] = Bounded(2)
    for number, key in enumerate("abc"):
        kept.put(key, number)
    assert [kept.get(key) for key in "abc"] == [None, 1, 2]


def test_an_entry_that_is_put_again_counts_as_new() -> None:
    kept: Bounded[str, int] = Bounded(2)
    for number, key in enumerate("abac"):
        kept.put(key, number)
    assert [kept.get(key) for key in "abc"] == [2, None, 3]


def test_what_is_there_is_not_made_again() -> None:
    kept: Bounded[str, list[int]] = Bounded(1)
    first = kept.get_or_add("a", list)
    assert kept.get_or_add("a", list) is first
    kept.get_or_add("b", list)
    assert kept.get("a") is None


def test_what_was_dropped_is_gone_and_may_be_dropped_again() -> None:
    kept: Bounded[str, int] = Bounded(1)
    kept.put("a", 1)
    kept.drop("a")
    kept.drop("a")
    assert kept.get("a") is None
