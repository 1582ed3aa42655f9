"""`transship track`, `hold`, `pin` and the rest: a verb for each kind of message that steers.

Made from the messages: a kind that is new there is a verb here, its fields arguments, and those
that may be left out options.
"""

import getpass
from collections.abc import Callable
from typing import Any

import click
import msgspec
from msgspec.inspect import Metadata, StructType, type_info

from transship.cli import flags
from transship.cli.completion import services
from transship.cli.deploy import followed, follows, send_and_tell
from transship.cli.ending import Ended
from transship.cli.standings import named
from transship.cli.tools import Tools, verb
from transship.cli.tracked import followers, standings
from transship.errors import InvalidEvent
from transship.model.digest import Digest
from transship.model.messages import decode_message
from transship.model.naming import ServiceName
from transship.model.reference import parse_reference
from transship.model.steering import STEERINGS, Steering

# Messages that only transship writes, and fields that all kinds have.
_OURS = {"explain", "advance"}
_COMMON = {"service", "project", "region", "by", "why"}
_HELP = {
    "track": "Let SERVICE follow IMAGE's tag from now on, whoever made it.",
    "untrack": "Take off SERVICE what transship wrote on it; it goes on running.",
    "hold": "No automatic deploys of SERVICE until it is released.",
    "pin": "Let SERVICE stay on the digest that it runs until it is released.",
    "skip": "Never deploy DIGEST to SERVICE; by default, what its tag means upstream now.",
    "release": "End holds, pins and skips of SERVICE, and follow the tag again.",
    "rollback": "Send SERVICE's visitors to an earlier revision, and quarantine what serves now.",
    "clear": "Forget what turned out bad on SERVICE, or --digest alone.",
}
_SHORT = {
    "track": "Let a service follow a tag.",
    "untrack": "Take off what transship wrote on it.",
    "hold": "No automatic deploys for now.",
    "pin": "Stay on the digest that runs.",
    "skip": "Never deploy one digest.",
    "release": "End holds, pins and skips.",
    "rollback": "Back to an earlier revision.",
    "clear": "Forget what turned out bad.",
}
_ABOUT = {
    "revision": "Its short name.  [default: the last good one before what serves]",
    "digest": "What the tag meant.  [default: all]",
}


def commands() -> list[click.Command]:
    return [_command(kind, struct) for kind, struct in STEERINGS.items() if kind not in _OURS]


def _command(kind: str, struct: type[Steering]) -> click.Command:
    info = type_info(struct)
    assert isinstance(info, StructType)  # noqa: S101 - it is one
    own = [field for field in info.fields if field.name not in _COMMON]
    run = _run(kind)
    for field in reversed(own):
        if not field.required:
            about = _ABOUT.get(field.name) or _described(field)
            run = click.option(f"--{field.name.replace('_', '-')}", help=about)(run)
    run = click.option("--why", help="The reason, kept with the request for others to read.")(run)
    run = click.option("--by", help="Who asks, kept as well.  [default: your login name]")(run)
    for field in reversed(own):
        if field.required:
            run = click.argument(field.name, required=(kind, field.name) not in _FILLED)(run)
    run = click.argument("service", shell_complete=services)(run)
    about = _HELP.get(kind) or (struct.__doc__ or "").strip()
    return click.command(kind, help=about, short_help=_SHORT.get(kind))(run)


def _described(field: msgspec.inspect.Field) -> str:
    if not isinstance(field.type, Metadata):
        return ""
    return str((field.type.extra_json_schema or {}).get("description", ""))


def _run(kind: str) -> Any:
    @followed
    @verb
    def run(
        tools: Tools,
        service: str,
        by: str | None,
        *,
        follow: bool | None,
        within: float,
        **fields: Any,
    ) -> None:
        name = ServiceName(project=tools.project, region=tools.region, service=service)
        said = {key: text for key, text in fields.items() if text}
        for (asked, key), fill in _FILLED.items():
            if asked == kind and key not in said:
                said[key] = fill(tools, service)
        document = {
            "kind": kind,
            "service": service,
            "by": by or _login(),
            **tools.named,
            **said,
        }
        data = msgspec.json.encode(document)
        _check(data)
        attributes = {"kind": kind, "service": service}
        send_and_tell(
            tools,
            data,
            attributes,
            service=name,
            follow=follows(tools, follow),
            within=within,
        )

    return run


def _meant_now(tools: Tools, service: str) -> str:
    """What the tag that *service* tracks means upstream."""
    for standing in standings(tools, named(followers(tools), service)):
        if standing.upstream is not None:
            return str(standing.upstream)
    raise Ended(f"nobody knows what the tag of {service} means now; name a DIGEST")


# What is looked up where it is not given, by kind and field.
_FILLED: dict[tuple[str, str], Callable[[Tools, str], str]] = {("skip", "digest"): _meant_now}


def _check(data: bytes) -> None:
    """Raises InvalidEvent as the function would, by the argument."""
    try:
        message = decode_message(data)
        image = getattr(message, "image", None)
        if isinstance(image, str):
            parse_reference(image)
        if digest := getattr(message, "digest", ""):
            Digest(digest)
    except InvalidEvent as error:
        raise InvalidEvent(flags.in_flags(str(error))) from error


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
