"""JSON messages of one topic, told apart by ``kind``: bounded, strict, and wrong with a reason."""

import difflib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from transship.errors import InvalidEvent
from transship.model.examples import in_examples

# Ten fields of text and a thousand environment variables are below this; Pub/Sub allows 10 MB.
MESSAGE_LIMIT = 256 * 1024


def decode(data: bytes, kinds: Mapping[str, type[Struct]], *, default: str, example: str) -> Any:
    """The message in *data*, UTF-8 JSON; of kind *default* where it names none.

    Raises InvalidEvent, which names the field and what would be right.
    """
    if len(data) > MESSAGE_LIMIT:
        raise InvalidEvent(f"the message has {len(data)} bytes, over {MESSAGE_LIMIT}")
    if not data.strip():
        raise InvalidEvent(f"the message is empty; right is for example {example}")
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEvent(f"the message is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidEvent(f"Expected `object`, got `{_json_type(document)}` - at `$`")
    kind = document.setdefault("kind", default)
    if not isinstance(kind, str) or kind not in kinds:
        raise InvalidEvent(
            f"unknown kind {kind!r}; right is one of {', '.join(kinds)} - at `$.kind`"
        )
    try:
        return msgspec.convert(document, type=kinds[kind])
    except msgspec.ValidationError as error:
        said = in_examples(str(error), kinds[kind])
        raise InvalidEvent(f"{said}{_meant(document, kinds[kind])}") from error


def _meant(document: dict[str, Any], message: type[Struct]) -> str:
    """A hint for the first unknown field; empty where there is none."""
    known = [*message.__struct_fields__, "kind"]
    for key in document:
        if key not in known and (near := difflib.get_close_matches(key, known, n=1)):
            return f"; did you mean `{near[0]}`?"
    return ""


_JSON_TYPES = {
    type(None): "null",
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    list: "array",
    dict: "object",
}


def _json_type(value: object) -> str:
    return _JSON_TYPES.get(type(value), type(value).__name__)
