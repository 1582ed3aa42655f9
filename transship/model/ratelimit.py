"""How much of its quota a registry says is left.

The headers: https://docs.docker.com/docker-hub/usage/pulls/#view-hourly-pull-rate-and-limit.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

_VALUE = re.compile(r"\s*([0-9]{1,12})\s*(?:;\s*w\s*=\s*([0-9]{1,9})\s*)?")
_SOURCE_LIMIT = 100


class RateLimit(Struct, frozen=True, kw_only=True):
    """*remaining* pulls of *limit* in each *window_seconds*, in the ledger named *source*.

    The source is an address, or an account where the client has one. What was not said is None.
    """

    limit: int | None = None
    remaining: int | None = None
    window_seconds: int | None = None
    source: str | None = None


def parse_rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """What the response's *headers*, whose names are in lower case, say; None if nothing.

    A value that is not a number is passed over: read as zero it would stop every pull. An account
    without a limit gets no such header.

    >>> parse_rate_limit({"ratelimit-remaining": "20;w=21600"}).remaining
    20
    """
    limit, window = _value(headers.get("ratelimit-limit", ""))
    remaining, other_window = _value(headers.get("ratelimit-remaining", ""))
    if limit is None and remaining is None:
        return None
    return RateLimit(
        limit=limit,
        remaining=remaining,
        window_seconds=window if window is not None else other_window,
        source=headers.get("docker-ratelimit-source", "").strip()[:_SOURCE_LIMIT] or None,
    )


def _value(text: str) -> tuple[int | None, int | None]:
    match = _VALUE.fullmatch(text)
    if match is None:
        return None, None
    return int(match[1]), int(match[2]) if match[2] is not None else None
