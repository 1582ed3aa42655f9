"""What an event may touch, made from the settings when it is first needed.

Only this and transship.google_clients know that a local stack exists.
"""

import importlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING

from transship.checks import Checks
from transship.clients.egress import Guard
from transship.clients.registry import RegistryClient
from transship.clients.tokens import Login
from transship.config import Config
from transship.deadline import Deadline
from transship.google_clients import GoogleClients
from transship.heat import Heat
from transship.late_run import LateAccess, LateServices
from transship.lately import Lately
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
    from transship.clients.probe import RunProbe

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


class Clients(GoogleClients):
    """One of each, kept for the life of the process."""

    def __init__(self, config: Config, *, now: Callable[[], datetime] = _utc_now) -> None:
        super().__init__(config)
        self._now = now
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
    def probe(self) -> "RunProbe":
        from transship.clients.probe import RunProbe  # noqa: PLC0415 - loaded late

        return RunProbe(
            identity=self._identity,
            is_local=bool(self._local.run),
        )
