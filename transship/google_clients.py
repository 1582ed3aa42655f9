"""Google's clients, each made when it is first needed: with TLS, or to a local address.

They cost 300 ms and are loaded by the events that deploy, never by those that end in "nothing to
do".
"""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from transship.clients.egress import Guard
from transship.clients.fleet import HOST as RUN_HOST
from transship.clients.fleet import CloudRunFleet, Labelled, regions_of
from transship.clients.remote import HOST as ARTIFACTS_HOST
from transship.clients.remote import Remotes
from transship.clients.transport import Transport
from transship.config import Config
from transship.deadline import Deadline
from transship.followers import Send
from transship.model.outcome import Outcome

if TYPE_CHECKING:
    from transship.clients.access import CloudRunAccess
    from transship.clients.artifacts import ArtifactRegistry
    from transship.clients.services import CloudRunServices
    from transship.clients.topics import Topics


class GoogleClients:
    """One of each, kept for the life of the process."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._local = config.local

    def google_token(self) -> str:
        return self._token_source()

    @cached_property
    def _token_source(self) -> Callable[[], str]:
        if self._local.account:
            return lambda: f"ya29.local.{self._local.account}"
        from transship.clients.google_token import default_token  # noqa: PLC0415 - loaded late

        return default_token()

    def _identity(self, audience: str) -> str:
        """A token that says who we are, for a service that not everybody may call."""
        if self._local.account:
            return self.google_token()
        from transship.clients.google_token import identity_token  # noqa: PLC0415 - loaded late

        return identity_token(audience)

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
