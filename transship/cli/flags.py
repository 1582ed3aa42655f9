"""Flags of `transship deploy`, made from the message's fields, named as gcloud names them.

A field that is new in the message is a flag here by itself. What a flag's text may be is the
message's to decide: it is decoded as a function would decode it.
"""

import re
from collections.abc import Mapping
from typing import Any

import click
import msgspec
from msgspec.inspect import (
    BoolType,
    DictType,
    IntType,
    ListType,
    LiteralType,
    Metadata,
    StrType,
    StructType,
    UnionType,
    type_info,
)

from transship.errors import InvalidEvent
from transship.model.messages import DeployRequest, decode_message
from transship.model.run_flags import GCLOUD

# An argument, the flags of every verb, and what only programs have a use for.
_OTHERWISE = {"image", "project", "region", "only_if", "progress", "requested_at"}
_FLAG = re.compile(r"--[a-z0-9-]+")
# https://cloud.google.com/sdk/gcloud/reference/topic/escaping
_DELIMITER = re.compile(r"\^(.+?)\^(.*)", re.DOTALL)


class Words(click.ParamType[list[str]]):
    """A list as gcloud takes it: `a,b`, or `^:^a,b:c` where an item has a comma."""

    name = "a,b,…"

    def convert(self, value: Any, _: Any, __: Any) -> list[str]:
        return value if isinstance(value, list) else _split(value)


class Pairs(click.ParamType[dict[str, str]]):
    """A mapping as gcloud takes it: `KEY=VALUE,…`, with the same way out."""

    name = "KEY=VALUE,…"

    def convert(self, value: Any, param: Any, ctx: Any) -> dict[str, str]:
        if isinstance(value, dict):
            return value
        pairs = [word.partition("=") for word in _split(value)]
        for key, sign, _ in pairs:
            if not sign:
                self.fail(f"{key!r} is wrong; right is KEY=VALUE,…", param, ctx)
        return {key: text for key, _, text in pairs}


class Scalar(click.ParamType[int | str]):
    """A number, or a word in the place of one."""

    name = "N|WORD"

    def convert(self, value: Any, _: Any, __: Any) -> int | str:
        return int(value) if isinstance(value, str) and value.isdecimal() else value


class Document(click.ParamType[Any]):
    """What has fields of its own, as in the message."""

    name = "JSON"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            self.fail(
                f"{value!r} is not JSON; right is what the message has in its place, for example"
                f' {{"path": "/ready"}} for --probe ({error})',
                param,
                ctx,
            )


def options() -> list[click.Option]:
    """In the order in which the message has its fields."""
    struct = type_info(DeployRequest)
    assert isinstance(struct, StructType)  # noqa: S101 - it is one
    return [_option(field) for field in struct.fields if field.name not in _OTHERWISE]


def message_of(image: str, flags: Mapping[str, Any]) -> bytes:
    """The message that *flags* make; raises InvalidEvent as the function would, by the flag."""
    named = {name: value for name, value in flags.items() if value is not None}
    data = msgspec.json.encode({"image": image, **named})
    try:
        decode_message(data)
    except InvalidEvent as error:
        raise InvalidEvent(in_flags(str(error))) from error
    return data


def in_flags(text: str) -> str:
    """
    >>> in_flags("Expected `int` >= 1 - at `$.max_instances`")
    'Expected `int` >= 1 - at --max-instances'
    >>> in_flags("Expected `int` <= 20 - at `$.probe.successes`")
    'Expected `int` <= 20 - at --probe (successes)'
    """

    def flag(field: re.Match[str]) -> str:
        named = "IMAGE" if field[1] == "image" else flag_of(field[1])
        return f"{named} ({field[2].lstrip('.')})" if field[2] else named

    return re.sub(r"`\$\.([a-z_]+)([^`]*)`", flag, text)


def flag_of(field: str) -> str:
    """gcloud's own, where one flag of gcloud's says what the field says.

    >>> flag_of("env_vars"), flag_of("cpu_boost"), flag_of("volumes")
    ('--set-env-vars', '--cpu-boost', '--volumes')
    """
    gcloud = GCLOUD.get(field, "").replace("[no-]", "")
    return gcloud if _FLAG.fullmatch(gcloud) else f"--{field.replace('_', '-')}"


def _option(field: msgspec.inspect.Field) -> click.Option:
    flag, said = flag_of(field.name), field.type
    about = ""
    if isinstance(said, Metadata):
        about = str((said.extra_json_schema or {}).get("description", ""))
        said = said.type
    settings: dict[str, Any] = {"default": None, "help": about}
    match said:
        case BoolType() if field.default is False:
            # Only ever said to switch it on.
            return click.Option([flag, field.name], is_flag=True, flag_value=True, **settings)
        case BoolType():
            return click.Option([f"{flag}/--no-{flag[2:]}", field.name], **settings)
        case IntType():
            kind: Any = click.IntRange(min=said.ge, max=said.le)
        case LiteralType():
            kind = click.Choice([str(value) for value in said.values])
        case ListType():
            kind = Words()
        case DictType(value_type=StrType() | Metadata(type=StrType())):
            kind = Pairs()
        case DictType() | StructType():
            kind = Document()
        case UnionType(types=types) if not any(isinstance(one, StrType) for one in types):
            kind = Scalar()
        case _:
            kind = str
    return click.Option([flag, field.name], type=kind, **settings)


def _split(text: str) -> list[str]:
    """
    >>> _split("a,b"), _split("^:^a,b:c"), _split("")
    (['a', 'b'], ['a,b', 'c'], [])
    """
    escaped = _DELIMITER.fullmatch(text)
    sign, rest = (escaped[1], escaped[2]) if escaped else (",", text)
    return rest.split(sign) if rest else []
