"""What a terminal needs on top of what the functions need; made when it is first needed."""

import socket
from functools import cached_property
from typing import TYPE_CHECKING

from transship import wiring
from transship.cli.ending import Ended, Status
from transship.clients.egress import Guard
from transship.clients.log_entries import HOST as LOGGING_HOST
from transship.clients.log_entries import LogEntries
from transship.clients.transport import Transport

if TYPE_CHECKING:
    from transship.clients.contents import MirrorContents
    from transship.clients.subscriptions import Subscriptions

_CONNECT = 2.0


class TerminalClients(wiring.Clients):
    """One of each, for the life of the command."""

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
        local = {host: url for host, url in self._local.hosts.items() if host == LOGGING_HOST}
        guard = Guard(hosts=frozenset({LOGGING_HOST}), host_map=local)
        return LogEntries(Transport(guard), token=self.google_token)

    def check_stack(self) -> None:
        """A stack that has ended would keep the Google clients waiting for a minute."""
        address = self._local.pubsub
        if not address:
            return
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), _CONNECT).close()
        except (OSError, ValueError) as error:
            raise Ended(
                f"no stack answers at {address}, which PUBSUB_EMULATOR_HOST names: start one by"
                ' `python -m local` in another terminal, and here eval "$(python -m local env)"',
                Status.NOT_REACHED,
            ) from error
