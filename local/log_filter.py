"""The part of the Logging query language that a reader of single fields needs.

https://cloud.google.com/logging/docs/view/logging-query-language

    filter     = comparison { AND comparison }
    comparison = path ( "=" | ">=" | "=~" ) ( string | "(" string { OR string } ")" )

Strings are compared whatever their case, and times as the text that they are. A pattern (RE2 there,
Python's here) is found anywhere in a string, and has to have its case.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

_STRING = r'"(?:[^"\\]|\\.)*"'
_COMPARISON = re.compile(
    rf"\s*(?P<path>[A-Za-z_][\w.]*)\s*(?P<sign>>=|=~|=)\s*"
    rf"(?:(?P<one>{_STRING})|\((?P<some>\s*{_STRING}(?:\s+OR\s+{_STRING})*\s*)\))\s*(?P<and>AND\b)?"
)

Matches = Callable[[Mapping[str, Any]], bool]


class Unsupported(ValueError):
    """A filter beyond this part of the language."""


def parse_filter(text: str) -> Matches:
    """
    >>> parse_filter('a.b="x" AND t>="2026"')({"a": {"b": "X"}, "t": "2027"})
    True
    """
    tests: list[Matches] = []
    position, goes_on = 0, bool(text.strip())
    while goes_on:
        found = _COMPARISON.match(text, position)
        if found is None:
            raise Unsupported(f"the local Cloud Logging does not know the filter {text!r}")
        tests.append(_test(found))
        position, goes_on = found.end(), bool(found["and"])
    if text[position:].strip():
        raise Unsupported(f"the local Cloud Logging does not know {text[position:].strip()!r}")
    return lambda entry: all(test(entry) for test in tests)


def _test(found: re.Match[str]) -> Matches:
    path = found["path"].split(".")
    # Of a pattern's own backslashes only those before a quote are the string's.
    escaped = r"\\(\")" if found["sign"] == "=~" else r"\\(.)"
    wanted = [
        re.sub(escaped, r"\1", text[1:-1])
        for text in re.findall(_STRING, found["one"] or found["some"])
    ]
    if found["sign"] == "=~":
        patterns = [_pattern(text) for text in wanted]
        # A field that is not there matches nothing, not even a pattern that takes anything.
        return lambda entry: (
            bool(text := _value(entry, path)) and any(each.search(text) for each in patterns)
        )
    if found["sign"] == ">=":
        # RFC 3339 in UTC, whichever way it says so.
        return lambda entry: _utc(_value(entry, path)) >= _utc(wanted[0])
    folded = {text.casefold() for text in wanted}
    return lambda entry: _value(entry, path).casefold() in folded


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(f"the pattern {text!r} is none: {error}") from error


def _value(entry: Mapping[str, Any], path: list[str]) -> str:
    value: Any = entry
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)


def _utc(text: str) -> str:
    return text.removesuffix("Z").removesuffix("+00:00")
