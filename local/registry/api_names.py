"""Names, filters and pages of the Artifact Registry API, and what is answered to wrong ones.

https://google.aip.dev/122 and https://google.aip.dev/158
"""

import fnmatch
import re
from collections.abc import Sequence
from typing import Any, TypeVar

import grpc

REPOSITORY = ("projects", "locations", "repositories")
PAGE, LARGEST_PAGE = 100, 1000
_NAME_FILTER = re.compile(r'name\s*=\s*"([^"]*)"')

_T = TypeVar("_T")


class Refusal(Exception):
    """The gRPC status that ends a call."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def parts_of(name: str, *kinds: str) -> list[str]:
    parts = name.split("/")
    if tuple(parts[::2]) != kinds or len(parts) != 2 * len(kinds) or not all(parts):
        # An unescaped slash in the name of an image ends here too.
        pattern = "/".join(f"{kind}/*" for kind in kinds)
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"expected {pattern}, got {name}")
    return parts[1::2]


def split(name: str, kind: str) -> tuple[str, str]:
    """The parent of a resource of *kind*, and what it is called there."""
    kinds = (
        (*REPOSITORY, kind)
        if kind in {"packages", "dockerImages"}
        else (
            *REPOSITORY,
            "packages",
            kind,
        )
    )
    parts_of(name, *kinds)
    parent, _, called = name.rpartition(f"/{kind}/")
    return parent, called


def missing(name: str) -> Refusal:
    return Refusal(grpc.StatusCode.NOT_FOUND, f"Requested entity was not found: {name}")


def existing(value: _T | None, name: str) -> _T:
    if value is None:
        raise missing(name)
    return value


def named(found: Sequence[Any], expression: str) -> list[Any]:
    """Those whose name matches the only kind of filter that is implemented: name="…*"."""
    if not expression:
        return list(found)
    match = _NAME_FILTER.fullmatch(expression)
    if match is None:
        raise Refusal(grpc.StatusCode.UNIMPLEMENTED, f"filter {expression}")
    return [each for each in found if fnmatch.fnmatchcase(each.name, match[1])]


def refuse_order(order_by: str) -> None:
    if order_by:
        raise Refusal(grpc.StatusCode.UNIMPLEMENTED, f"order_by {order_by}")


def page_of(found: Sequence[_T], request: Any) -> tuple[list[_T], str]:
    """One page, and the token of the next one or ""."""
    size = min(request.page_size or PAGE, LARGEST_PAGE)
    if size < 0 or not (request.page_token or "0").isdigit():
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "page_size or page_token is invalid")
    start = int(request.page_token or 0)
    page = list(found[start : start + size])
    return page, str(start + size) if start + size < len(found) else ""
