"""Who asked for something, when and why: a small JSON document in an annotation.

Messages come in any order. The time tells whether a release was meant for the hold that it finds.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec

Aware = Annotated[datetime, msgspec.Meta(tz=True)]


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    at: Aware
    by: str = ""
    why: str = ""

    def __str__(self) -> str:
        return msgspec.json.encode(self).decode()


def read_note(annotations: Mapping[str, str], key: str) -> Note | None:
    """None where there is none, or where another hand has broken it."""
    try:
        return msgspec.json.decode(annotations.get(key, ""), type=Note)
    except msgspec.DecodeError:
        return None


def read_notes(annotations: Mapping[str, str], key: str) -> dict[str, Note]:
    """Several, by what they are about."""
    try:
        return msgspec.json.decode(annotations.get(key, "{}"), type=dict[str, Note])
    except msgspec.DecodeError:
        return {}


def write_notes(notes: Mapping[str, Note]) -> str:
    return msgspec.json.encode(notes).decode()
