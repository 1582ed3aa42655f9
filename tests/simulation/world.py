"""The handlers and the stand-ins on one movable clock, without containers and without processes."""

import json
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import grpc
from google.cloud import run_v2
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport
from msgspec.structs import replace

from handlers import orders, refresh, warm
from handlers.payloads import Delivery
from local import images, world
from local.manifests import Image
from local.registry import DockerHub, Mirror, Upstream
from local.registry.artifact_registry import add_artifact_registry
from local.registry.server import Seen
from local.run import CloudRun
from tests.fixtures.operations import finished
from tests.simulation.bus import Bus, Message, StillClock
from transship.config import Config
from transship.deadline import Deadline
from transship.errors import PermanentError, TemporaryError
from transship.model.gate import Health, Verdict
from transship.model.outcome import Outcome, Rejected, in_words
from transship.wiring import Clients

START = datetime(2026, 11, 23, tzinfo=UTC)
TICK = timedelta(minutes=10)
PARENT = f"projects/{world.PROJECT}/locations/{world.LOCATION}"
SWEEP = b'{"kind": "sweep"}'


class Killed(Exception):
    """The instance ends in the middle of an event: nobody acknowledges it."""


def sample(text: str) -> Image:
    """A small image of two platforms; another one for each text."""
    return images.index(*(part(text, platform) for platform in (images.AMD64, images.ARM64)))


def part(text: str, platform: str = images.AMD64) -> Image:
    return images.ballast(1, 500, seed=zlib.crc32(text.encode()), platform=platform)


def _healthy(*_: object, **__: object) -> Verdict:
    """There are no containers to look at."""
    return Verdict(health=Health.HEALTHY)


class World:
    """*images* false: Cloud Run takes any image without asking for it. *settings* are variables."""

    def __init__(
        self, root: Path, settings: Mapping[str, str] | None = None, *, images: bool = True
    ) -> None:
        self._open = ExitStack()
        self.clock = StillClock(START)
        self.hub = self._open.enter_context(DockerHub(root / "hub", self.clock))
        self.hub.accounts[world.HUB_ACCOUNT[0]] = world.HUB_ACCOUNT[1]
        self.hub.quota.limit = None
        self.mirror = self._open.enter_context(
            Mirror(
                root / "mirror",
                self.clock,
                on_audit_entry=self._told,
                on_gcr_message=self._told,
            )
        )
        # Whether a sink and the gcr topic lead to the hints.
        self.listening = False
        self.mirror.readers |= {world.DEPLOYER, world.RUN_AGENT}
        upstream = Upstream("registry-1.docker.io", self.hub.hosts, credentials=world.HUB_ACCOUNT)
        self.mirror.add_remote(world.REMOTE, upstream)
        self.run = self._open.enter_context(
            CloudRun(
                root=root / "run",
                project_numbers={world.PROJECT: world.PROJECT_NUMBER},
                host_map=self.mirror.hosts,
                platform="linux/amd64",
                containers=False,
                images=images,
            )
        )
        self.services = run_v2.ServicesClient(
            transport=ServicesGrpcTransport(channel=self._channel(self.run.grpc_address))
        )
        self.config = Config.from_env({**self._settings(), **(settings or {})})
        self.bus = Bus(clock=self.clock, deliver=self._deliver)
        self.outcomes: list[Outcome] = []
        self._ended: list[datetime] = []
        # What happens while a message of a topic is handled: a test may end the instance.
        self.published: Callable[[str, bytes], None] = lambda _topic, _data: None
        self.restart()

    def restart(self) -> None:
        """Instances of functions remember nothing from one life to the next."""
        self.clients = Clients(self.config, now=self.clock.now)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    # What happens in the world

    def push(self, repository: str, image: Image, tag: str = "latest") -> str:
        return self.hub.push(repository, tag, image)

    def order(self, **message: Any) -> None:
        self.bus.publish(world.DEPLOY, json.dumps(message).encode(), {})

    def follow(self, repository: str, service: str, **fields: Any) -> None:
        """A service that follows the repository's tag; new digests get all visitors at once."""
        self.order(image=repository, service=service, strategy="immediate", **fields)
        self.settle()

    def tick(self) -> None:
        self.bus.publish(world.WARM, SWEEP, {})

    def settle(self, seconds: float = 5) -> None:
        self.bus.run_until(self.clock.now() + timedelta(seconds=seconds))

    def sweep(self) -> None:
        """A tick by hand, and what follows from it at once."""
        self.tick()
        self.settle()

    def live(
        self, time: timedelta, events: dict[timedelta, Callable[[], object]] | None = None
    ) -> None:
        """So long, with a tick every ten minutes, and *events* in their time."""
        start, end = self.clock.now(), self.clock.now() + time
        happening = [(start + after, act) for after, act in (events or {}).items()]
        at = START + ((start - START) // TICK + 1) * TICK
        while at <= end:
            happening.append((at, self.tick))
            at += TICK
        for moment, act in sorted(happening, key=lambda one: one[0]):
            self.bus.run_until(moment)
            act()
        self.bus.run_until(end)

    # What can be seen of it

    def service(self, name: str) -> run_v2.Service:
        return self.services.get_service(name=f"{PARENT}/services/{name}")

    def change(self, service: run_v2.Service) -> None:
        """By another hand."""
        finished(self.services.update_service(service=service))

    def make_by_hand(self, name: str, repository: str, digest: str) -> None:
        """As `gcloud run deploy` makes a service, with an image by *digest*."""
        container = run_v2.Container(image=f"{world.MIRROR}/{repository}@{digest}")
        service = run_v2.Service(template=run_v2.RevisionTemplate(containers=[container]))
        finished(self.services.create_service(parent=PARENT, service=service, service_id=name))

    def runs(self, name: str) -> str:
        return str(self.service(name).template.containers[0].image.partition("@")[2])

    def note(self, name: str, key: str) -> str | None:
        return dict(self.service(name).annotations).get(f"transship.dev/{key}")

    def revisions(self, name: str) -> int:
        return len(self.run.record(f"{PARENT}/services/{name}").revisions)

    def writes(self) -> Counter[str]:
        changing = ("CreateService", "UpdateService", "DeleteService", "SetIamPolicy")
        return Counter(call.method for call in self.run.calls(*changing))

    def heads(self, since: int = 0) -> list[Seen]:
        """What the functions asked of Docker Hub; they do so without an account here."""
        return [
            seen
            for seen in self.hub.requests[since:]
            if seen.method == "HEAD" and seen.status != 401 and not seen.identity
        ]

    def pulls(self, since: int = 0) -> list[Seen]:
        """What costs quota."""
        return [
            seen
            for seen in self.hub.requests[since:]
            if seen.method == "GET" and "/manifests/" in seen.path and seen.status != 401
        ]

    def said(self, kind: str) -> list[Any]:
        """The outcomes of a class, by its name."""
        return [outcome for outcome in self.outcomes if type(outcome).__name__ == kind]

    def said_when(self, kind: str) -> list[tuple[Any, datetime]]:
        both = zip(self.outcomes, self._ended, strict=True)
        return [(outcome, at) for outcome, at in both if type(outcome).__name__ == kind]

    def reasons(self, service: str) -> list[str]:
        """Of the decisions about *service* in outcomes of sweeps and hints."""
        return [
            decided.reason
            for outcome in self.outcomes
            for decided in getattr(outcome, "decisions", ())
            if decided.service == service
        ]

    # How it is put together

    def _deliver(self, message: Message) -> bool:
        delivery = Delivery(
            event_id=message.id,
            data=message.data,
            attributes=message.attributes,
            published_at=message.published_at,
            attempt=message.attempt,
        )
        try:
            outcome = self._handle(message.topic, delivery)
        except PermanentError as error:
            outcome = Rejected(event_id=message.id, **in_words(error))
        except (TemporaryError, Killed):
            return False
        if outcome is not None:
            self.outcomes.append(outcome)
            self._ended.append(self.clock.now())
        return True

    def _handle(self, topic: str, delivery: Delivery) -> Outcome | None:
        if topic == world.WARM:
            parts = self.clients.warm_parts()
            parts = replace(
                parts, redeploy=self._sender(world.REDEPLOY), warm=self._sender(world.WARM)
            )
            return warm.handle(delivery, config=self.config, parts=parts)
        if topic == world.HINTS:
            return refresh.handle(
                delivery,
                config=self.config,
                fleet=self.clients.fleet,
                registry=self.clients.registry,
                checks=self.clients.checks,
                send=self._sender(world.REDEPLOY),
                heat=self._sender(world.WARM),
                now=self.clock.now(),
                deadline=Deadline.after(60),
            )
        # Cloud Run's stand-in takes milliseconds; nobody has to wait for seconds.
        quick = replace(
            self.clients.deploy_parts(), sleep=lambda _: time.sleep(0.002), probe=_healthy
        )
        return orders.handle(delivery, config=self.config, parts=quick)

    def _sender(self, topic: str) -> Callable[[bytes, dict[str, str]], None]:
        def send(data: bytes, attributes: dict[str, str]) -> None:
            self.published(topic, data)
            self.bus.publish(topic, data, attributes)

        return send

    def _told(self, document: object) -> None:
        if self.listening:
            self.bus.publish(world.HINTS, json.dumps(document).encode(), {})

    def _channel(self, address: str) -> grpc.Channel:
        channel = grpc.insecure_channel(address)
        self._open.callback(channel.close)
        return channel

    def _settings(self) -> dict[str, str]:
        listing = grpc.server(ThreadPoolExecutor(4, "artifact-registry"))
        add_artifact_registry(listing, self.mirror)
        port = listing.add_insecure_port("127.0.0.1:0")
        listing.start()
        self._open.callback(lambda: listing.stop(0).wait())
        hosts = {**self.hub.hosts, **self.mirror.hosts}
        return {
            "TRANSSHIP_PROJECT": world.PROJECT,
            "TRANSSHIP_REGION": world.LOCATION,
            "TRANSSHIP_MIRRORS": f"docker.io={world.MIRROR}",
            "TRANSSHIP_POLICY": world.POLICY,
            "TRANSSHIP_RUNTIME_ACCOUNT": world.RUNTIME,
            "TRANSSHIP_OUTCOMES_TOPIC": world.OUTCOMES,
            "TRANSSHIP_REDEPLOY_TOPIC": world.REDEPLOY,
            "TRANSSHIP_WARM_TOPIC": world.WARM,
            "TRANSSHIP_IGNORED_PRINCIPALS": world.RUN_AGENT,
            "TRANSSHIP_UPSTREAM_RATE": "0",
            "TRANSSHIP_LOCAL_HOSTS": ",".join(f"{host}={url}" for host, url in hosts.items()),
            "TRANSSHIP_LOCAL_RUN": self.run.grpc_address,
            "TRANSSHIP_LOCAL_RUN_V1": self.run.v1_url,
            "TRANSSHIP_LOCAL_ARTIFACT_REGISTRY": f"127.0.0.1:{port}",
            "TRANSSHIP_LOCAL_ACCOUNT": world.DEPLOYER,
        }
