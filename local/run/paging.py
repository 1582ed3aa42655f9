"""Pages of a listing: a token names the last item seen, so that changes in between skip none."""

import base64
import binascii
from collections.abc import Sequence

from local.run.errors import invalid

_DEFAULT = 100
_LARGEST = 1000


def page(items: Sequence[tuple[str, object]], *, size: int, token: str) -> tuple[list[object], str]:
    """The values of one page of *items*, which are sorted by their keys, and the next token."""
    if size < 0:
        raise invalid("page_size", "must not be negative")
    size = min(size or _DEFAULT, _LARGEST)
    last = _decoded(token)
    rest = [item for item in items if item[0] > last]
    shown = rest[:size]
    more = _encoded(shown[-1][0]) if len(rest) > size else ""
    return [value for _, value in shown], more


def _encoded(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _decoded(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, ValueError):
        raise invalid("page_token", "is not one that this service has handed out") from None
