"""What a verb works with: the settings, the clients, and where it speaks."""

import os
from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any

import click
import msgspec
from msgspec.structs import replace

from transship.cli.ending import Ended, Status
from transship.cli.output import Output
from transship.cli.settings import config_of
from transship.config import Config
from transship.deadline import Deadline
from transship.errors import ServiceConflict
from transship.model.naming import is_project, is_region
from transship.model.policy_document import parse_policy

if TYPE_CHECKING:
    from transship.cli.wiring import TerminalClients

# For one question to the cloud, however many requests that takes.
SECONDS = 30.0


class Tools:
    """*project* and *region* are what the verb's flags say; empty where they say nothing."""

    def __init__(
        self, output: Output, env: Mapping[str, str], *, project: str = "", region: str = ""
    ) -> None:
        self.output = output
        self._env = env
        self._project = _right("--project", project, is_project, "a project's id: sample-project")
        self._region = _right("--region", region, is_region, "a region: asia-northeast1")

    @cached_property
    def config(self) -> Config:
        config = config_of(self._env, project=self._project, region=self._region)
        if not (self._project or self._region):
            return config
        # Services are looked for where flags say, whatever policy names.
        place = {"project": self._project or config.project, "region": self._region or "*"}
        text = msgspec.json.encode({"targets": [place]}).decode()
        targets = parse_policy(text, project=config.project).targets
        return replace(config, policy=replace(config.policy, targets=targets))

    @cached_property
    def clients(self) -> "TerminalClients":
        from transship.cli.wiring import TerminalClients  # noqa: PLC0415 - not for --help

        clients = TerminalClients(self.config)
        clients.check_stack()
        return clients

    @property
    def project(self) -> str:
        """That of the services; transship's own unless a flag says otherwise."""
        return self._project or self.config.project

    @property
    def region(self) -> str:
        return self._region or self.config.region

    @property
    def named(self) -> dict[str, str]:
        """Project and region as flags say, for a message; what is not said is the function's."""
        places = {"project": self._project, "region": self._region}
        return {name: place for name, place in places.items() if place}

    def topic(self, name: str) -> str:
        """As infra/ names it, in transship's own project."""
        return f"projects/{self.config.project}/topics/transship-{name}"

    def publish(self, topic: str, data: bytes, attributes: dict[str, str]) -> str:
        """The message's id, which is the event's."""
        try:
            return self.clients.topics.publish(topic, data, attributes)
        except ServiceConflict as error:
            raise Ended(
                f"there is no topic {topic}: TRANSSHIP_PROJECT names the project that transship"
                " itself runs in; has infra/ been applied there?",
                Status.NOT_REACHED,
            ) from error

    def deadline(self) -> Deadline:
        return Deadline.after(SECONDS)


def _right(flag: str, text: str, is_right: Callable[[str], bool], example: str) -> str:
    """Raises Ended, before anything is made of it."""
    if text and not is_right(text):
        raise Ended(f"{flag} {text!r} is wrong; right is {example}", Status.USAGE)
    return text


def verb(run: Callable[..., None]) -> Callable[..., None]:
    """Give *run*, which is about services, its tools, made from the flags that say where."""

    @wraps(run)
    def with_tools(*args: Any, **flags: Any) -> None:
        output = Output(json=flags.pop("format_") == "json")
        project, region = flags.pop("project") or "", flags.pop("region") or ""
        run(Tools(output, os.environ, project=project, region=region), *args, **flags)

    return _with(with_tools, *_PLACE_OF_SERVICES, _FORMAT)


def own_verb(run: Callable[..., None]) -> Callable[..., None]:
    """The same for a verb about transship itself: the flags say where that is."""

    @wraps(run)
    def with_tools(*args: Any, **flags: Any) -> None:
        output = Output(json=flags.pop("format_") == "json")
        places = {name: flags.pop(name) for name in ("project", "region")}
        given = {f"TRANSSHIP_{name.upper()}": place for name, place in places.items() if place}
        run(Tools(output, {**os.environ, **given}), *args, **flags)

    return _with(with_tools, *_OWN_PLACE, _FORMAT)


def _with(run: Callable[..., None], *options: Any) -> Callable[..., None]:
    for option in reversed(options):
        run = option(run)
    return run


_PLACE_OF_SERVICES = (
    click.option("--project", help="The project of the services.  [default: transship's own]"),
    click.option("--region", help="Their region.  [default: transship's own]"),
)
_OWN_PLACE = (
    click.option("--project", help="The project that transship runs in.  [TRANSSHIP_PROJECT]"),
    click.option("--region", help="Its region.  [TRANSSHIP_REGION]"),
)
_FORMAT = click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json"]),
    default="table",
    help="Tables for people; JSON for programs, a document a line.",
)
