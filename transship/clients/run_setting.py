"""One setting of a google.cloud.run.v2 Service: where it stands, how it is read, how written."""

from collections.abc import Callable
from typing import Any

from google.cloud import run_v2
from msgspec import Struct

Read = Callable[[run_v2.Service], Any]
Write = Callable[[run_v2.Service, Any], None]

_TEMPLATE = "template."


class Setting(Struct, frozen=True, kw_only=True):
    """*name* is the message's field; *fields* are those of the Service.

    *read* gives the normal form; None where that is not known.
    """

    name: str
    fields: tuple[str, ...]
    read: Read
    write: Write

    @property
    def mask(self) -> list[str]:
        """What a write of it changes outside of the template."""
        return [path for path in self.fields if not path.startswith(_TEMPLATE)]


def serving_container(service: run_v2.Service) -> run_v2.Container:
    """The one that has a port: exactly one of several containers has."""
    return service.template.containers[_serving(service)]


def other_containers(service: run_v2.Service) -> list[run_v2.Container]:
    serving = _serving(service)
    return [c for index, c in enumerate(service.template.containers) if index != serving]


def _serving(service: run_v2.Service) -> int:
    containers = service.template.containers
    return next((index for index, container in enumerate(containers) if container.ports), 0)


def container_port(service: run_v2.Service) -> int | None:
    ports = serving_container(service).ports
    return ports[0].container_port if ports else None


def place_of(service: run_v2.Service) -> tuple[str, str]:
    """The project and the region of *service*, empty for one that is about to be made."""
    parts = service.name.split("/")
    return (parts[1], parts[3]) if len(parts) > 3 else ("", "")  # noqa: PLR2004 - projects/P/locations/R
