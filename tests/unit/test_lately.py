"""What has been done within the minute, and is not done again."""

from datetime import UTC, datetime, timedelta

from transship.lately import Lately

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_key_is_claimed_once_a_minute() -> None:
    lately = Lately()

    assert [lately.claim("a", NOON + after) for after in (0 * MINUTE, 0.9 * MINUTE, MINUTE)] == [
        True,
        False,
        True,
    ]
    assert lately.claim("b", NOON)


def test_what_could_not_be_done_may_be_tried_again() -> None:
    lately = Lately()
    lately.claim("a", NOON)

    lately.release("a")

    assert lately.claim("a", NOON)


def test_what_is_remembered_is_bounded() -> None:
    lately = Lately(limit=10)

    for number in range(100):
        lately.claim(str(number), NOON)

    assert lately.claim("0", NOON)
    assert not lately.claim("99", NOON)
    assert len(lately._done) == 10
