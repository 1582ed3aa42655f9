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
    StructType,
    type_info,
)

from transship.errors import InvalidEvent
from transship.model.messages import DeployRequest, decode_message

# An argument, the flags of every verb, and what only programs have a use for.
_OTHERWISE = {"image", "project", "region", "only_if", "progress", "requested_at"}
# https://cloud.google.com/sdk/gcloud/reference/run/deploy
_GCLOUD = {"env_vars": "set-env-vars"}
_HELP = {
    "adopt": "Take over a service that was made by other means.",
    "allow_unauthenticated": "Whether everybody may invoke the service.  [default: not touched]",
    "args": "What the container's entry point is given.",
    "command": "The container's entry point, instead of the image's.",
    "concurrency": "How many requests an instance takes at once.",
    "cpu": "Processors of an instance: 1, 0.5, 500m.",
    "dry_run": "Say what would be done, and do nothing.",
    "env_vars": "All environment variables; others are removed.",
    "ingress": "Where requests may come from.",
    "labels": "The service's own labels; others are removed.",
    "max_instances": "The most instances that there may be.",
    "memory": "Memory of an instance: 512Mi, 1Gi.",
    "min_instances": "Instances that are kept while nobody asks.",
    "probe": 'What a new revision has to pass: {"path": "/ready", "successes": 3}.',
    "port": "Where the container listens.  [default: the image's one exposed port]",
    "remove_env_vars": "Environment variables to remove.",
    "service": "The service's name.  [default: the image's last component]",
    "service_account": "The e-mail of the account that the service runs as.",
    "strategy": "Whether a new revision is tried before visitors see it.",
    "timeout": "How long a request may take: 300, 5m.",
    "track": "Follow the image's tag from now on.  [default: yes]",
    "update_env_vars": "Environment variables to add or change.",
}
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


class Document(click.ParamType[Any]):
    """What has fields of its own, as in the message."""

    name = "JSON"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            self.fail(f"{value!r} is not JSON: {error}", param, ctx)


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
    """

    def flag(field: re.Match[str]) -> str:
        return "IMAGE" if field[1] == "image" else flag_of(field[1])

    return re.sub(r"`\$\.([a-z_]+)[^`]*`", flag, text)


def flag_of(field: str) -> str:
    return f"--{_GCLOUD.get(field, field.replace('_', '-'))}"


def _option(field: msgspec.inspect.Field) -> click.Option:
    flag, said = flag_of(field.name), field.type
    about = _HELP.get(field.name, "")
    if isinstance(said, Metadata):
        about = about or str((said.extra_json_schema or {}).get("description", ""))
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
        case DictType():
            kind = Pairs()
        case StructType():
            kind = Document()
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
