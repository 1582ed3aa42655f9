"""Which clients people need on top of what events need: the command line's and the page's."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from transship.burials import leased
from transship.clients.egress import Guard
from transship.clients.iap import HOST as KEYS_HOST
from transship.clients.iap import CheckedByPlatform, PublicKeys, SignedByIap
from transship.clients.log_entries import HOST as LOGGING_HOST
from transship.clients.log_entries import LogEntries
from transship.clients.notify import Teller
from transship.clients.transport import Transport
from transship.console.forgery import Forgery
from transship.console.ports import Parts
from transship.model.naming import ServiceName
from transship.wiring import Clients

if TYPE_CHECKING:
    from transship.clients.contents import MirrorContents
    from transship.clients.lineage import Lineage
    from transship.clients.subscriptions import Subscriptions


class Readers(Clients):
    """One of each, for the life of the process."""

    @cached_property
    def subscriptions(self) -> "Subscriptions":
        from google.pubsub_v1 import SubscriberClient  # noqa: PLC0415 - loaded late

        from transship.clients.subscriptions import Subscriptions  # noqa: PLC0415 - loaded late

        return Subscriptions(self._made(SubscriberClient, self._local.pubsub))

    @cached_property
    def contents(self) -> "MirrorContents":
        from google.cloud.artifactregistry_v1 import (  # noqa: PLC0415 - loaded late
            ArtifactRegistryClient,
        )

        from transship.clients.contents import MirrorContents  # noqa: PLC0415 - loaded late

        return MirrorContents(self._made(ArtifactRegistryClient, self._local.artifact_registry))

    @cached_property
    def log_entries(self) -> LogEntries:
        return LogEntries(self._transport_to(LOGGING_HOST), token=self.google_token)

    @cached_property
    def lineage(self) -> "Lineage":
        from google.cloud import run_v2  # noqa: PLC0415 - loaded late

        from transship.clients.lineage import Lineage  # noqa: PLC0415 - loaded late

        return Lineage(self._run(run_v2.RevisionsClient))

    @cached_property
    def teller(self) -> Teller:
        return Teller(hosts=self._local.hosts, now=lambda: datetime.now(UTC))

    @cached_property
    def page(self) -> Parts:
        """What the page may touch."""
        door = self._config.door
        return Parts(
            identify=self._identify,
            forgery=Forgery(door.keys),
            fleet=self.fleet,
            services=self.services,
            lineage=self.lineage,
            head=self._patient.head,
            registry=self.registry,
            contents=self.contents,
            log=self.log_entries,
            retained=_Retained(self.subscriptions, self._config.project),
            send=self.sender,
            now=lambda: datetime.now(UTC),
            throttle=self.throttle,
            pauses=self.pauses,
        )

    @cached_property
    def _identify(self) -> Any:
        door = self._config.door
        if door.auth == "iap":
            return SignedByIap(PublicKeys(self._transport_to(KEYS_HOST)), door.audience)
        return CheckedByPlatform(self._is_page_public)

    def _is_page_public(self) -> bool:
        """True where there is no such service either: then nobody knows who checks tokens."""
        config = self._config
        if not config.door.service:
            # The local stack, where the functions are no services.
            return not self._local.run
        name = ServiceName(
            project=config.project, region=config.region, service=config.door.service
        )
        return self.services.get(name) is None or self.access.is_public(name)

    def _transport_to(self, host: str) -> Transport:
        hosts = self._local.hosts
        here = {host: hosts[host]} if host in hosts else {}
        return Transport(Guard(hosts=frozenset({host}), host_map=here))


class _Retained(Struct, frozen=True):
    """The subscription on which dead letters are kept, as infra/ names it."""

    subscriptions: "Subscriptions"
    project: str

    @property
    def _name(self) -> str:
        return f"projects/{self.project}/subscriptions/transship-dead-letter-retained"

    def leased(self, wanted: set[str]) -> AbstractContextManager[Mapping[str, Any]]:
        return leased(self.subscriptions, self._name, wanted)

    def acknowledge(self, copy: Any) -> None:
        self.subscriptions.acknowledge(self._name, [copy])

    def topic_of(self, subscription: str) -> str | None:
        return self.subscriptions.topic_of(subscription)
