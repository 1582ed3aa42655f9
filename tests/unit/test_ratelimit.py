"""Docker Hub's quota headers."""

import pytest

from transship.model.ratelimit import RateLimit, parse_rate_limit


def limit(text: str | None = None, **more: str) -> RateLimit | None:
    headers = {} if text is None else {"ratelimit-remaining": text}
    return parse_rate_limit({**headers, **more})


@pytest.mark.parametrize(
    ("text", "remaining", "window"),
    [
        ("20;w=21600", 20, 21600),
        (" 20 ; w = 21600 ", 20, 21600),
        ("20", 20, None),
        ("0;w=3600", 0, 3600),
    ],
)
def test_the_number_and_its_window_are_read(text: str, remaining: int, window: int | None) -> None:
    assert limit(text) == RateLimit(remaining=remaining, window_seconds=window)


@pytest.mark.parametrize("text", ["", "many", "-1", "1.5", "20;w=", "20;x=1", "٢٠", "9" * 13])
def test_a_value_that_is_no_number_says_nothing(text: str) -> None:
    assert limit(text) is None


def test_one_malformed_value_does_not_spoil_the_other() -> None:
    headers = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "?"}
    assert parse_rate_limit(headers) == RateLimit(limit=100, window_seconds=21600)


def test_the_ledger_is_named_and_its_name_is_bounded() -> None:
    known = limit("1", **{"docker-ratelimit-source": " 192.0.2.1 "})
    assert known is not None
    assert known.source == "192.0.2.1"
    long = limit("1", **{"docker-ratelimit-source": "x" * 5000})
    assert long is not None
    assert long.source == "x" * 100
    nameless = limit("1", **{"docker-ratelimit-source": ""})
    assert nameless is not None
    assert nameless.source is None


def test_no_header_means_no_limit() -> None:
    assert limit() is None
    assert parse_rate_limit({"docker-ratelimit-source": "192.0.2.1"}) is None
