"""An image with a layer that is huge here, and a mirror that has held it for long."""

import threading

from tests.unit.scripted_registry import (
    STATIC_SITE,
    Asked,
    Contents,
    Respond,
    ScriptedRegistry,
    client_of,
    digest_of,
    random_bytes,
    soon,
)
from transship.clients.transport import Timeouts
from transship.deadline import Deadline
from transship.model.digest import Digest
from transship.model.platform import CLOUD_RUN
from transship.model.ranges import Window
from transship.model.reference import Reference
from transship.pull import Pulled, pull
from transship.ranges import Ranges

LENGTH = 100_000
WINDOW = Window(least=1_000_000, length=LENGTH, rooms=3, connections=5)
LAYER = random_bytes(2_345_678, 1)


class Held:
    def __init__(self, is_held: bool = True) -> None:
        self.is_held = is_held
        self.asked: list[Reference] = []

    def __call__(self, image: Reference) -> bool:
        self.asked.append(image)
        return self.is_held


def image(*layers: bytes) -> tuple[Contents, Digest]:
    contents = Contents()
    child = contents.add_image(list(layers))
    contents.add_index({"linux/amd64": child}, "latest")
    return contents, child


def pulled_from(
    registry: ScriptedRegistry,
    held: Held | None = None,
    deadline: Deadline | None = None,
    read_timeout: float = 5.0,
) -> Pulled:
    client = client_of(registry, timeouts=Timeouts(read=read_timeout))
    ranges = Ranges(is_held=held or Held(), window=WINDOW)
    try:
        return pull(client, STATIC_SITE, CLOUD_RUN, deadline=deadline or soon(), ranges=ranges)
    finally:
        client.close()
        names = [thread.name for thread in threading.enumerate()]
        assert not [name for name in names if name.startswith(("range", "pull"))]


def instead(layer: bytes, reply: Respond) -> Respond:
    """*reply* answers for *layer*, and a registry that has it for everything else."""
    contents, _ = image(layer)
    name = str(digest_of(layer))
    return lambda asked: reply(asked) if asked.path.endswith(name) else contents(asked)


def asked_for(registry: ScriptedRegistry, layer: bytes = LAYER) -> list[str]:
    """The ranges, in the order in which they were asked for; nothing where there is none."""
    name = str(digest_of(layer))
    return [asked.headers.get("range", "") for asked in registry.asked if asked.path.endswith(name)]


def first_byte(asked: Asked) -> int:
    return int(asked.headers["range"].removeprefix("bytes=").partition("-")[0])
