"""What a verb works with: the settings, the clients, and where it speaks."""

import os
from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any

import click

from transship.cli.ending import Ended, Status
from transship.cli.output import Output
from transship.cli.settings import config_of
from transship.config import Config
from transship.deadline import Deadline
from transship.errors import ServiceConflict

if TYPE_CHECKING:
    from transship.cli.wiring import TerminalClients

# For one question to the cloud, however many requests that takes.
_SECONDS = 30.0


class Tools:
    """*project* and *region* are what the verb's flags say; empty where they say nothing."""

    def __init__(
        self, output: Output, env: Mapping[str, str], *, project: str = "", region: str = ""
    ) -> None:
        self.output = output
        self._env = env
        self._project = project
        self._region = region

    @cached_property
    def config(self) -> Config:
        return config_of(self._env, project=self._project, region=self._region)

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
        return Deadline.after(_SECONDS)


def verb(run: Callable[..., None]) -> Callable[..., None]:
    """Give *run* its tools, made from the flags that every verb has."""

    @wraps(run)
    def with_tools(*args: Any, **flags: Any) -> None:
        tools = Tools(
            Output(json=flags.pop("format_") == "json"),
            os.environ,
            project=flags.pop("project") or "",
            region=flags.pop("region") or "",
        )
        run(tools, *args, **flags)

    for option in reversed(COMMON):
        with_tools = option(with_tools)
    return with_tools


COMMON = (
    click.option("--project", help="The project of the services.  [default: transship's own]"),
    click.option("--region", help="Their region.  [default: transship's own]"),
    click.option(
        "--format",
        "format_",
        type=click.Choice(["table", "json"]),
        default="table",
        help="Tables for people; JSON for programs, a document a line.",
    ),
)
