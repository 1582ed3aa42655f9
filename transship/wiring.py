"""Which client is made from which settings; the only module that knows the local stack exists.

Everything is made when it is first needed: the Google clients cost 300 ms and are loaded by the
events that deploy, never by those that end in "nothing to do".
"""

import importlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from transship.checks import Checks
from transship.clients.egress import Guard
from transship.clients.fleet import HOST as RUN_HOST
from transship.clients.fleet import CloudRunFleet, Labelled, regions_of
from transship.clients.registry import RegistryClient
from transship.clients.remote import HOST as ARTIFACTS_HOST
from transship.clients.remote import Remotes
from transship.clients.tokens import Login
from transship.clients.transport import Transport
from transship.config import Config
from transship.deadline import Deadline
from transship.followers import Send
from transship.heat import Heat
from transship.late_run import LateAccess, LateServices
from transship.lately import Lately
from transship.model.outcome import Outcome
from transship.model.reference import Reference
from transship.model.wanted import Found
from transship.ports import Parts
from transship.prove import Progress
from transship.pull import Limits
from transship.quota import QuotaLog
from transship.ranges import Ranges
from transship.shard import WarmParts
from transship.shared_pulls import SharedPulls
from transship.stock import LateStock, LongHeld
from transship.throttle import Patient, Pauses, Throttle
from transship.turns import Turns
from transship.warm import warm

if TYPE_CHECKING:
    from transship.clients.access import CloudRunAccess
    from transship.clients.artifacts import ArtifactRegistry
    from transship.clients.probe import RunProbe
    from transship.clients.services import CloudRunServices
    from transship.clients.topics import Topics

# Where references say docker.io, these are asked; blobs come from wherever they redirect to.
_HUB_HOSTS = ("registry-1.docker.io", "auth.docker.io")


# Whose token service a registry's credentials may be shown to; the registry itself, mostly.
_REALMS = {"docker.io": "auth.docker.io"}


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _load_publisher() -> None:
    """While a pull waits for the network: its outcome will need it. Nothing is made here."""

    def load() -> None:
        importlib.import_module("google.pubsub_v1")

    threading.Thread(target=load, name="load", daemon=True).start()


class Clients:
    """One of each, kept for the life of the process."""

    def __init__(self, config: Config, *, now: Callable[[], datetime] = _utc_now) -> None:
        self._config = config
        self._now = now
        self._local = config.local
        self.checks = Checks()
        self.lately = Lately()
        self.heat = Heat()
        self.pauses = Pauses()
        self._turns = Turns()
        self.throttle = Throttle(config.upstream_rate)
        self.stock = LateStock(lambda: self.artifacts)

    @cached_property
    def registry(self) -> RegistryClient:
        config = self._config
        upstreams = {mirror.upstream for mirror in config.mirrors.mirrors} - {"docker.io"}
        guard = Guard(
            hosts=frozenset({*_HUB_HOSTS, "*.pkg.dev", *upstreams, *config.registry_hosts}),
            private=frozenset(config.private_hosts),
            host_map=dict(self._local.hosts),
        )
        return RegistryClient(
            guard,
            logins={
                registry: Login(
                    user=user, password=password, realm_host=_REALMS.get(registry, registry)
                )
                for registry, (user, password) in config.upstream_credentials.items()
            },
            google_token=self.google_token,
            observe=QuotaLog(config.quota_floor),
            ca_file=self._local.ca_file or None,
            now=self._now,
        )

    @cached_property
    def _patient(self) -> Patient:
        return Patient(self.registry, self.pauses, self._now)

    def google_token(self) -> str:
        return self._token_source()

    @cached_property
    def _token_source(self) -> Callable[[], str]:
        if self._local.account:
            return lambda: f"ya29.local.{self._local.account}"
        from transship.clients.google_token import default_token  # noqa: PLC0415 - loaded late

        return default_token()

    @cached_property
    def _pulls(self) -> SharedPulls:
        return SharedPulls(self.ranges)

    @property
    def ranges(self) -> Ranges:
        return Ranges(is_held=LongHeld(self.stock, self._now))

    def deploy_parts(self) -> Parts:
        """What one deploy may touch; its time begins now."""
        deadline = Deadline.after(self._config.deadline)
        return Parts(
            registry=self._patient,
            stock=self.stock,
            prove=partial(self._prove, deadline=deadline),
            turns=self._turns,
            services=LateServices(lambda: self.services),
            access=LateAccess(lambda: self.access),
            probe=self.probe,
            deadline=deadline,
            now=self._now,
        )

    def _prove(
        self,
        image: Reference,
        resolved_by: str,
        *,
        deadline: Deadline,
        progress: Progress | None = None,
    ) -> Found:
        _load_publisher()
        return warm(
            image,
            self._config.platform,
            pull=partial(self._pulls.pull, self.registry, progress=progress),
            tags=self.registry,
            resolved_by=resolved_by,
            limits=Limits(bytes=self._config.max_image_bytes),
            deadline=deadline,
        )

    def warm_parts(self) -> WarmParts:
        """What one message of the warm topic may touch; its time begins now."""
        deadline = Deadline.after(self._config.deadline)
        return WarmParts(
            registry=self._patient,
            stock=self.stock,
            prove=partial(self._prove, deadline=deadline),
            fleet=self.fleet,
            redeploy=self.sender(self._config.redeploy_topic),
            warm=self.sender(self._config.warm_topic),
            throttle=self.throttle,
            pauses=self.pauses,
            heat=self.heat,
            deadline=deadline,
            now=self._now,
        )

    @cached_property
    def artifacts(self) -> "ArtifactRegistry":
        from google.cloud import artifactregistry_v1  # noqa: PLC0415 - loaded late

        from transship.clients.artifacts import ArtifactRegistry  # noqa: PLC0415 - loaded late

        client = self._made(
            artifactregistry_v1.ArtifactRegistryClient, self._local.artifact_registry
        )
        return ArtifactRegistry(client, self._config.mirrors, keeps=self._remotes.keeps)

    @cached_property
    def _remotes(self) -> Remotes:
        hosts = dict(self._local.hosts)
        here = {ARTIFACTS_HOST: hosts[ARTIFACTS_HOST]} if ARTIFACTS_HOST in hosts else {}
        guard = Guard(hosts=frozenset({ARTIFACTS_HOST}), host_map=here)
        return Remotes(Transport(guard), token=self.google_token)

    @cached_property
    def fleet(self) -> CloudRunFleet:
        run_v1 = self._local.run_v1
        guard = Guard(hosts=frozenset({RUN_HOST}), host_map={RUN_HOST: run_v1} if run_v1 else {})
        return CloudRunFleet(
            Transport(guard),
            token=self.google_token,
            list_region=self._list_region,
            projects=regions_of(self._config.policy.targets),
        )

    def _list_region(self, parent: str, deadline: Deadline) -> list[Labelled]:
        from transship.clients.region import list_region  # noqa: PLC0415 - loaded late

        return list_region(self._run_services, parent, deadline)

    def sender(self, topic: str) -> Send:
        """The client is made with the first message."""
        return lambda data, attributes: self.topics.publish(topic, data, attributes)

    @cached_property
    def services(self) -> "CloudRunServices":
        from google.cloud import run_v2  # noqa: PLC0415 - loaded late

        from transship.clients.services import CloudRunServices  # noqa: PLC0415 - loaded late

        return CloudRunServices(self._run_services, self._run(run_v2.RevisionsClient))

    @cached_property
    def access(self) -> "CloudRunAccess":
        from transship.clients.access import CloudRunAccess  # noqa: PLC0415 - loaded late

        return CloudRunAccess(self._run_services)

    @cached_property
    def probe(self) -> "RunProbe":
        from transship.clients.probe import RunProbe  # noqa: PLC0415 - loaded late

        return RunProbe(
            identity=self._identity,
            is_local=bool(self._local.run),
        )

    def _identity(self, audience: str) -> str:
        """A token that says who we are, for a service that not everybody may call."""
        if self._local.account:
            return self.google_token()
        from transship.clients.google_token import identity_token  # noqa: PLC0415 - loaded late

        return identity_token(audience)

    @cached_property
    def topics(self) -> "Topics":
        from google.pubsub_v1 import PublisherClient  # noqa: PLC0415 - loaded late

        from transship.clients.topics import Topics  # noqa: PLC0415 - loaded late

        return Topics(self._made(PublisherClient, self._local.pubsub))

    def publish_outcome(self, outcome: Outcome) -> None:
        """The client is made with the first outcome: most hints have none."""
        self._outcomes(outcome)

    @cached_property
    def _outcomes(self) -> Callable[[Outcome], None]:
        from transship.clients.topics import outcome_publisher  # noqa: PLC0415 - loaded late

        return outcome_publisher(
            self.topics,
            self._config.outcomes_topic,
            source=f"//transship.dev/projects/{self._config.project}",
        )

    @cached_property
    def _run_services(self) -> Any:
        from google.cloud import run_v2  # noqa: PLC0415 - loaded late

        return self._run(run_v2.ServicesClient)

    def _run(self, client: Any) -> Any:
        return self._made(client, self._local.run)

    def _made(self, client: Any, local_address: str) -> Any:
        """A Google client, over TLS with the function's credentials, or to a local address."""
        if not local_address:
            return client()
        import grpc  # noqa: PLC0415 - loaded late

        transport = client.get_transport_class("grpc")
        return client(transport=transport(channel=grpc.insecure_channel(local_address)))
