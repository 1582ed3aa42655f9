"""What would be right, in the place of a regular expression that somebody's text does not match.

From the same annotations that the schema is made of: a pattern's title and examples.
"""

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from msgspec.inspect import (
    DictType,
    ListType,
    Metadata,
    StrType,
    StructType,
    Type,
    UnionType,
    type_info,
)

_UNMATCHED = re.compile(r"Expected `str` matching regex (?P<quote>['\"])(?P<pattern>.*)(?P=quote)")


def in_examples(error: str, message: type[Struct]) -> str:
    r"""*error* of msgspec's about *message*, without the regular expression where that has words.

    >>> from typing import Annotated
    >>> from msgspec import Meta, defstruct
    >>> Tag = Annotated[str, Meta(pattern=r"^[a-z]+\Z", title="letters", examples=["a"])]
    >>> In = defstruct("In", [("tag", Tag)])
    >>> in_examples(r"Expected `str` matching regex '^[a-z]+\\Z' - at `$.tag`", In)
    "not letters; right is for example 'a' - at `$.tag`"
    """
    unmatched = _UNMATCHED.search(error)
    if unmatched is None:
        return error
    # As Python writes a string, which doubles what a pattern has once.
    pattern = unmatched["pattern"].replace("\\\\", "\\")
    said = next((words for of, words in _patterns(type_info(message), set()) if of == pattern), {})
    about, examples = said.get("title"), said.get("examples")
    if not examples:
        return error
    wrong = f"not {about}" if about else "that is wrong"
    return (
        f"{error[: unmatched.start()]}{wrong}; right is for example {examples[0]!r}"
        + (error[unmatched.end() :])
    )


def _patterns(of: Type, seen: set[type]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each pattern below *of*, with what its annotation says."""
    match of:
        case Metadata(type=StrType(pattern=str(pattern))):
            yield pattern, of.extra_json_schema or {}
        case Metadata():
            yield from _patterns(of.type, seen)
        case ListType():
            yield from _patterns(of.item_type, seen)
        case DictType():
            yield from _patterns(of.key_type, seen)
            yield from _patterns(of.value_type, seen)
        case UnionType():
            for each in of.types:
                yield from _patterns(each, seen)
        case StructType() if of.cls not in seen:
            seen.add(of.cls)
            for field in of.fields:
                yield from _patterns(field.type, seen)
