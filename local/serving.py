"""Servers of the standard library, each in a thread of its own, that end at once."""

import socket
import threading
from contextlib import suppress
from socketserver import TCPServer


def serve(server: TCPServer, name: str) -> None:
    """Answer until `end`."""
    threading.Thread(target=server.serve_forever, name=name, daemon=True).start()


def end(server: TCPServer) -> None:
    """Returns once *server* has let go of its port; answers under way go on.

    Its loop looks only every half second whether it is to end, and whenever its socket tells
    something: one that no longer listens does.
    """
    with suppress(OSError):  # it never listened
        server.socket.shutdown(socket.SHUT_RDWR)
    server.shutdown()
    server.server_close()
