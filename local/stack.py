"""The cloud on one machine, put together: what a message goes through in production, and no more.

Docker Hub, the mirror before it, Pub/Sub, Cloud Run, the Artifact Registry API, and the functions.
Several stacks can run side by side: every port is the kernel's choice, every file is below *root*.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
from google.pubsub_v1 import PublisherClient, PubsubMessage, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from local import world
from local.clock import Clock
from local.cloud_logging import HOST as LOGGING_HOST
from local.cloud_logging import CloudLogging
from local.front_door import KEYS_HOST, Auth, FrontDoor
from local.functions import Function
from local.notices import Notices
from local.pubsub.emulator import Emulator
from local.pubsub.google_emulator import GoogleEmulator, choose
from local.registry import DockerHub, Mirror, Upstream
from local.registry.artifact_registry import add_artifact_registry
from local.routes import (
    ACCOUNTS,
    ATTEMPTS,
    FEW_THREADS,
    JOBS,
    NOTIFIED,
    ROUTES,
    THREADS,
    UNROUTED,
    make_topics,
)
from local.run import CloudRun, host_platform
from local.scheduler import Scheduler

_PUBLISHED = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What runs, where, and what of production it stands for."""

    name: str
    address: str
    stands_for: str


class Stack:
    """*pubsub* defaults to Google's emulator where it is installed, else to ours.

    With *real_hub* the mirror and the functions ask the real Docker Hub, anonymously; the local one
    is there and is asked by nobody. *outside* are hosts of people's own tools, each with its local
    URL, that notices may be sent to. *ready* hears of each part as it comes up.
    """

    def __init__(
        self,
        root: Path,
        *,
        pubsub: Emulator | GoogleEmulator | None = None,
        containers: bool = True,
        attempts: int = ATTEMPTS,
        settings: dict[str, str] | None = None,
        page_behind: Auth = "iap",
        outside: Mapping[str, str] | None = None,
        real_hub: bool = False,
        ready: Callable[[Part], None] = lambda _: None,
    ) -> None:
        self.root = root
        self._real_hub = real_hub
        self._ready = ready
        self.parts: list[Part] = []
        self._attempts = attempts
        self._settings = settings or {}
        self._outside = dict(outside or {})
        self._running = ExitStack()
        self.clock = Clock()
        self.hub = DockerHub(root / "hub", self.clock)
        self.hub.accounts[world.HUB_ACCOUNT[0]] = world.HUB_ACCOUNT[1]
        self.notices = Notices(
            hints=world.HINTS,
            gcr=world.GCR,
            repository=world.REMOTE,
            excluded=frozenset({world.DEPLOYER}),
        )
        self.mirror = Mirror(
            root / "mirror",
            self.clock,
            project=world.PROJECT,
            location=world.LOCATION,
            on_audit_entry=self.notices.entry,
            on_gcr_message=self.notices.message,
        )
        self.mirror.readers |= {world.DEPLOYER, world.WARMER, world.RUN_AGENT, world.CONSOLE}
        self.mirror.add_remote(
            world.REMOTE,
            _real_hub() if real_hub else _local_hub(self.hub),
        )
        self.pubsub = pubsub or choose()
        self.run = CloudRun(
            root=root / "run",
            project_numbers={world.PROJECT: world.PROJECT_NUMBER},
            host_map=self.mirror.hosts,
            containers=containers,
        )
        # As infra/targets.tf has it (run.routes.invoke): who deploys looks at what is on trial.
        self.run.invokers.add(world.DEPLOYER)
        self.logging = CloudLogging(world.PROJECT)
        self.functions: dict[str, Function] = {}
        self.routes = ROUTES | (NOTIFIED if "TRANSSHIP_NOTIFY" in self._settings else {})
        self.front_door = FrontDoor(
            lambda: self.functions["console"].url, audience=world.PAGE, auth=page_behind
        )
        self._artifact_registry = grpc.server(ThreadPoolExecutor(4, "artifact-registry"))
        self.artifact_registry_address = ""

    def start(self) -> Self:
        """Everything answers when this returns."""
        (self.root / "log").mkdir(parents=True, exist_ok=True)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Leaves no process and no thread behind; safe to call twice."""
        self._running.close()

    def settings(self, account: str) -> dict[str, str]:
        """The environment of a function that runs as *account*."""
        return {
            "TRANSSHIP_PROJECT": world.PROJECT,
            "TRANSSHIP_REGION": world.LOCATION,
            "TRANSSHIP_MIRRORS": f"docker.io={world.MIRROR}",
            "TRANSSHIP_POLICY": world.POLICY,
            "TRANSSHIP_RUNTIME_ACCOUNT": world.RUNTIME,
            "TRANSSHIP_OUTCOMES_TOPIC": world.OUTCOMES,
            "TRANSSHIP_PROGRESS_TOPIC": world.PROGRESS,
            "TRANSSHIP_REDEPLOY_TOPIC": world.REDEPLOY,
            "TRANSSHIP_WARM_TOPIC": world.WARM,
            "TRANSSHIP_HINTS_TOPIC": world.HINTS,
            "TRANSSHIP_DEPLOY_TOPIC": world.DEPLOY,
            "TRANSSHIP_DEAD_LETTER_TOPIC": world.DEAD_LETTER,
            "TRANSSHIP_NOTICES_TOPIC": world.NOTICES,
            "TRANSSHIP_CONSOLE_AUTH": self.front_door.auth,
            "TRANSSHIP_CONSOLE_AUDIENCE": world.PAGE,
            "TRANSSHIP_CONSOLE_OPERATORS": world.OPERATOR,
            "TRANSSHIP_CONSOLE_VIEWERS": world.VIEWER,
            "TRANSSHIP_CONSOLE_KEYS": world.PAGE_KEY,
            "TRANSSHIP_IGNORED_PRINCIPALS": world.DEPLOYER,
            "TRANSSHIP_WEBHOOK_SECRETS": world.WEBHOOK_SECRET,
            "TRANSSHIP_PLATFORM": host_platform(),
            **self._settings,
            **self.endpoints(account),
        }

    def endpoints(self, account: str) -> dict[str, str]:
        """Where the parts of this stack are, for any client."""
        hosts = {
            **({} if self._real_hub else self.hub.hosts),
            **self.mirror.hosts,
            LOGGING_HOST: self.logging.url,
            KEYS_HOST: self.front_door.keys_url,
            **self._outside,
        }
        return {
            "PUBSUB_EMULATOR_HOST": self.pubsub.grpc_address,
            "GOOGLE_CLOUD_PROJECT": world.PROJECT,
            "TRANSSHIP_LOCAL_HOSTS": ",".join(f"{host}={url}" for host, url in hosts.items()),
            "TRANSSHIP_LOCAL_RUN": self.run.grpc_address,
            "TRANSSHIP_LOCAL_RUN_V1": self.run.v1_url,
            "TRANSSHIP_LOCAL_ARTIFACT_REGISTRY": self.artifact_registry_address,
            "TRANSSHIP_LOCAL_ACCOUNT": account,
        }

    def publisher(self) -> PublisherClient:
        channel = grpc.insecure_channel(self.pubsub.grpc_address)
        self._running.callback(channel.close)
        return PublisherClient(transport=PublisherGrpcTransport(channel=channel))

    def subscriber(self) -> SubscriberClient:
        channel = grpc.insecure_channel(self.pubsub.grpc_address)
        self._running.callback(channel.close)
        return SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))

    def _start(self) -> None:
        stopped: list[Callable[[], Any]] = [self.hub.close, self.mirror.close]
        for stop in stopped:
            self._running.callback(stop)
        self._up("Docker Hub", self.hub.address, "registry-1.docker.io")
        self._up("mirror", self.mirror.address, "Artifact Registry")
        self.pubsub.start()
        self._running.callback(self.pubsub.stop)
        google = isinstance(self.pubsub, GoogleEmulator)
        emulator = "Google's emulator" if google else "our own emulator"
        self._up("Pub/Sub", self.pubsub.grpc_address, emulator)
        self.run.start()
        self._running.callback(self.run.stop)
        self._up("Cloud Run", self.run.grpc_address, "Admin API v2")
        add_artifact_registry(self._artifact_registry, self.mirror)
        port = self._artifact_registry.add_insecure_port("127.0.0.1:0")
        self._artifact_registry.start()
        self._running.callback(lambda: self._artifact_registry.stop(0).wait())
        self.artifact_registry_address = f"127.0.0.1:{port}"
        self._up("Artifact Registry", self.artifact_registry_address, "API v1")
        self.logging.start()
        self._running.callback(self.logging.stop)
        self._up("Cloud Logging", self.logging.url, "API v2, entries:list")
        self._running.callback(self._stop_functions)
        self.front_door.start()
        self._running.callback(self.front_door.stop)
        for target in dict.fromkeys((*self.routes.values(), *UNROUTED)):
            function = Function(
                target,
                self.settings(ACCOUNTS[target]),
                threads=THREADS.get(target, FEW_THREADS),
                log=self.root / "log" / f"{target}.log",
            )
            self.functions[target] = function
            self.logging.watch(f"transship-{target.replace('_', '-')}", function.log)
            function.start()
        urls = {target: function.url for target, function in self.functions.items()}
        make_topics(self.publisher(), self.subscriber(), self.routes, urls, attempts=self._attempts)
        self._start_notices()
        self._start_scheduler()
        for target, function in self.functions.items():
            function.wait()
            self._up(target, function.url, "function")
        before = "Identity-Aware Proxy" if self.front_door.auth == "iap" else "Cloud Run's check"
        self._up("page", self.front_door.door(world.OPERATOR), before)

    def _up(self, name: str, address: str, stands_for: str) -> None:
        part = Part(name=name, address=address, stands_for=stands_for)
        self.parts.append(part)
        self._ready(part)

    def _start_notices(self) -> None:
        publisher = self.publisher()

        def publish(topic: str, data: bytes, attributes: dict[str, str]) -> None:
            message = PubsubMessage(data=data, attributes=attributes)
            publisher.publish(topic=topic, messages=[message], retry=None, timeout=_PUBLISHED)

        self.notices.start(publish)
        self._running.callback(self.notices.stop)

    def _stop_functions(self) -> None:
        """Side by side: each may take its grace to finish what it does."""
        with ThreadPoolExecutor(len(self.functions) or 1) as pool:
            list(pool.map(Function.stop, self.functions.values()))

    def _start_scheduler(self) -> None:
        publisher = self.publisher()
        self.scheduler = Scheduler(
            self.clock,
            lambda topic, data: publisher.publish(topic=topic, messages=[PubsubMessage(data=data)]),
        )
        for job in JOBS:
            self.scheduler.add(job)
        self.scheduler.start()
        self._running.callback(self.scheduler.stop)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _local_hub(hub: DockerHub) -> Upstream:
    return Upstream("registry-1.docker.io", hub.hosts, credentials=world.HUB_ACCOUNT)


def _real_hub() -> Upstream:
    return Upstream("registry-1.docker.io", {}, leaves_machine=True)
