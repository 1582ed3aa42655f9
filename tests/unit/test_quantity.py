"""Quantities: equal amounts are equal numbers, whatever their spelling."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transship.model.quantity import (
    format_cpu,
    format_duration,
    format_memory,
    parse_cpu,
    parse_duration,
    parse_memory,
)

PROPERTY = settings(derandomize=True, deadline=None)
AMOUNTS = st.integers(1, 2**40)


@pytest.mark.parametrize(
    ("text", "milli"),
    [
        ("1", 1000),
        ("1000m", 1000),
        ("1.0", 1000),
        ("1.", 1000),
        ("01", 1000),
        (".08", 80),
        ("0.08", 80),
        ("80m", 80),
        ("0.001", 1),
        ("0.5", 500),
        ("500.0m", 500),
        ("8", 8000),
    ],
)
def test_cpu(text: str, milli: int) -> None:
    assert parse_cpu(text) == milli


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("512Mi", 536870912),
        ("536870912", 536870912),
        ("0.5Gi", 536870912),
        ("524288Ki", 536870912),
        ("1G", 10**9),
        ("1000M", 10**9),
        ("1000000k", 10**9),
        ("1Gi", 2**30),
        ("1T", 10**12),
        ("1Ti", 2**40),
        (".5k", 500),
    ],
)
def test_memory(text: str, count: int) -> None:
    assert parse_memory(text) == count


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300", 300),
        ("300s", 300),
        ("5m", 300),
        ("1m20s", 80),
        ("90m", 5400),
        ("1h", 3600),
        ("1h0m1s", 3601),
        ("1h5s", 3605),
    ],
)
def test_duration(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0m",
        "0.0",
        ".",
        "-1",
        "+1",
        "1 ",
        "1\n",
        "1e3",
        "1k",
        "0.5m",
        "1.5m",
        "1.0001",
        "0.0001",
        "one",
        "1,5",
        "\u0661",
        "1M",
        "NaN",
        "9" * 16,
    ],
)
def test_no_cpu(text: str) -> None:
    with pytest.raises(ValueError, match=r"the cpu .* right is a number of CPUs"):
        parse_cpu(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0Mi",
        "-1Gi",
        "1 Gi",
        "1Gi\n",
        "1GiB",
        "1GB",
        "1K",
        "1gi",
        "1m",
        "0.5",
        "1.5",
        "1.0001k",
        "1e9",
        "Mi",
        "\u0661Gi",
        "1Pi",
        "0.0001k",
        "9" * 16,
    ],
)
def test_no_memory(text: str) -> None:
    with pytest.raises(ValueError, match=r"the memory .* right is a number with Ki, Mi, Gi"):
        parse_memory(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0s",
        "0h0m",
        "-1",
        "1.5s",
        "1s\n",
        "5 m",
        "20s1m",
        "1m1m",
        "m",
        "1d",
        "PT5M",
        "5M",
        "\u0661",
        "9" * 10,
    ],
)
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"the duration .* right is a number of seconds"):
        parse_duration(text)


@pytest.mark.parametrize("parse", [parse_cpu, parse_memory, parse_duration])
def test_a_long_text_is_cut_in_the_message(parse: Callable[[str], int]) -> None:
    with pytest.raises(ValueError, match="is wrong") as refusal:
        parse("x" * 10_000)
    assert len(str(refusal.value)) < 400


@PROPERTY
@given(AMOUNTS)
def test_what_is_formatted_is_parsed_to_the_same(amount: int) -> None:
    assert parse_cpu(format_cpu(amount)) == amount
    assert parse_memory(format_memory(amount)) == amount
    assert parse_duration(format_duration(amount % 10**9 + 1)) == amount % 10**9 + 1


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (2**40, "1Ti"),
        (2**30, "1Gi"),
        (2**30 + 2**29, "1536Mi"),
        (2**10, "1Ki"),
        (10**9, "1000000000"),
        (1, "1"),
    ],
)
def test_memory_has_one_form(count: int, text: str) -> None:
    assert format_memory(count) == text
