"""What was heated stays hot for an hour, and memory has a bound."""

from datetime import timedelta

from tests.unit.nouns import IMAGE, NOON
from transship.heat import Heat
from transship.model.reference import parse_reference

HOUR = timedelta(hours=1)


def test_a_tag_is_hot_for_an_hour_after_the_last_hint() -> None:
    heat = Heat()
    heat.note([IMAGE], NOON)
    heat.note([IMAGE], NOON + HOUR / 2)

    assert heat.hot(NOON + HOUR) == {IMAGE}
    assert heat.hot(NOON + HOUR + HOUR / 2) == frozenset()


def test_the_oldest_are_forgotten_beyond_the_bound() -> None:
    heat = Heat()
    heat.note([IMAGE], NOON)
    heat.note((parse_reference(f"team/app-{number}:1") for number in range(10_000)), NOON)

    assert len(heat.hot(NOON)) == 10_000
    assert IMAGE not in heat.hot(NOON)
