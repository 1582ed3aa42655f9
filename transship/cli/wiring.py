"""What a terminal needs on top of what the functions need; made when it is first needed."""

import socket

from transship.cli.ending import Ended, Status
from transship.readers import Readers

_CONNECT = 2.0


class TerminalClients(Readers):
    """One of each, for the life of the command."""

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
