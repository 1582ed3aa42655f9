"""What all stand-ins with an HTTP server of their own have in common."""

import ssl
from types import TracebackType
from typing import Self

from local.clock import Clock
from local.registry.faults import Faults
from local.registry.server import Seen, Server
from local.registry.wire import Application


class Host:
    """Up from the moment it is made until it is closed."""

    def __init__(self, application: Application, clock: Clock, tls: ssl.SSLContext | None) -> None:
        self.server = Server(application, clock, tls=tls)

    @property
    def address(self) -> str:
        return self.server.origin

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def faults(self) -> Faults:
        return self.server.faults

    @property
    def requests(self) -> list[Seen]:
        return self.server.requests

    def refuse_connections(self) -> None:
        """Down, until ``accept_connections``."""
        self.server.refuse_connections()

    def accept_connections(self) -> None:
        self.server.accept_connections()

    def close(self) -> None:
        self.server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
