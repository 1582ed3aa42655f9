"""A stack that people use: in a folder of its own, with samples, announced to other terminals."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from urllib.parse import urlsplit

from local import home, world
from local.control import Control
from local.front_door import Auth
from local.log_file import LIMIT
from local.outcomes import Outcomes
from local.regional_hosts import RegionalHosts
from local.registry.rest import RestFace
from local.routes import ATTEMPTS
from local.samples import Sample
from local.stack import Part, Stack
from local.switches import Switches

# What docs/operations.md asks gcloud for besides.
_ELSEWHERE = ("cloudscheduler", "secretmanager")


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    folder: Path
    stack: Stack
    outcomes: Outcomes
    control: Control

    @property
    def page(self) -> str:
        """Where somebody who may steer sees it."""
        return self.stack.front_door.door(world.OPERATOR)


@contextmanager
def running(
    folder: Path,
    *,
    shelf: Iterable[Sample] = (),
    real_hub: bool = False,
    page_behind: Auth = "iap",
    attempts: int = ATTEMPTS,
    settings: dict[str, str] | None = None,
    ready: Callable[[Part], None] = lambda _: None,
) -> Iterator[Running]:
    """A stack in *folder* until the end of the block; *shelf* is on its Docker Hub from the start.

    Raises home.NotHere.
    """
    with ExitStack() as held:
        held.enter_context(home.claim(folder))
        held.enter_context(_logging_to(folder / "log" / "stack.log"))
        stack = Stack(
            folder,
            real_hub=real_hub,
            page_behind=page_behind,
            attempts=attempts,
            settings=settings,
            ready=ready,
        )
        outcomes = Outcomes()
        control = Control(Switches(stack), outcomes)
        held.callback(control.stop)
        control.start()
        held.callback(stack.stop)
        stack.start()
        stack.subscriber().create_subscription(
            {
                "name": world.subscription("local-outcomes"),
                "topic": world.OUTCOMES,
                "push_config": {"push_endpoint": f"{control.url}/outcomes"},
            }
        )
        for sample in shelf:
            stack.hub.push(sample.repository, sample.tag, sample.image)
        artifact_registry = held.enter_context(RestFace(stack.mirror, stack.clock))
        regions = held.enter_context(RegionalHosts())
        announcement = home.Announcement(
            pid=os.getpid(),
            control=control.url,
            env={**environment(stack, folder), **gcloud(stack, folder, artifact_registry, regions)},
        )
        home.announce(folder, announcement)
        yield Running(folder=folder, stack=stack, outcomes=outcomes, control=control)


def environment(stack: Stack, folder: Path) -> dict[str, str]:
    """What any client in another terminal needs.

    LOCAL_HUB and LOCAL_MIRROR are what goes before an image's name for skopeo and docker, which
    know of no host map.
    """
    hub, mirror = (urlsplit(each).netloc for each in (stack.hub.address, stack.mirror.address))
    return {
        **stack.settings(world.DEPLOYER),
        "TRANSSHIP_LOCAL_DIR": str(folder),
        "LOCAL_HUB": hub,
        "LOCAL_MIRROR": f"{mirror}/{world.PROJECT}/{world.REMOTE}",
    }


def gcloud(
    stack: Stack, folder: Path, artifact_registry: RestFace, regions: RegionalHosts
) -> dict[str, str]:
    """What gcloud needs besides, to be the deployer of this cloud without an account.

    https://cloud.google.com/pubsub/docs/emulator and `gcloud topic configurations`
    """
    token = folder / "access-token"
    token.write_text(f"ya29.local.{world.DEPLOYER}\n", encoding="utf-8")
    overrides = "CLOUDSDK_API_ENDPOINT_OVERRIDES_"
    return {
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        "CLOUDSDK_CORE_PROJECT": world.PROJECT,
        "CLOUDSDK_PROXY_TYPE": "http",
        "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1",
        "CLOUDSDK_PROXY_PORT": str(regions.port),
        f"{overrides}ARTIFACTREGISTRY": f"{artifact_registry.address}/",
        f"{overrides}LOGGING": f"{stack.logging.url}/",
        f"{overrides}PUBSUB": f"{stack.pubsub.rest_url.rstrip('/')}/",
        f"{overrides}RUN": f"{stack.run.v1_url}/",
        # Not here. Of a refused tunnel gcloud would make thirty seconds and a traceback; asked
        # without one, the proxy answers.
        **{f"{overrides}{api.upper()}": f"http://{api}.googleapis.com/" for api in _ELSEWHERE},
    }


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """What the stand-ins have to say, above all what they do not implement."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=LIMIT, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger("local")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    # Said there, it is not said on the terminal as well.
    propagated, root.propagate = root.propagate, False
    try:
        yield
    finally:
        root.propagate = propagated
        root.removeHandler(handler)
        handler.close()
