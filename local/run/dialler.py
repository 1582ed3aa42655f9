"""Runs inside a container's network and hands out connections made there.

A socket stays in the network it was made in, whoever holds it: no bytes are relayed. It is started
through nsenter as a program of its own, because a process with threads cannot change its namespaces
and Python 3.11 has no os.setns.

Standard input is one end of a socket pair. A request is a port in two bytes; the answer is ``y``
and the connection, or ``n``. It ends when the other end is closed: nothing is left behind if the
stack is killed.
"""

import fcntl
import signal
import socket
import struct
from pathlib import Path

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1  # linux/sockios.h, linux/if.h
_CONNECT_TIMEOUT = 2.0
_PORT_BYTES = 2


def open_network() -> None:
    """Bring the loopback up, and let every user listen on every port, as Docker does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack_from("16xH", fcntl.ioctl(control, _SIOCGIFFLAGS, request))
        if not flags & _IFF_UP:
            fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))
    Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0", encoding="ascii")


def serve(control: socket.socket) -> None:
    while len(request := control.recv(_PORT_BYTES)) == _PORT_BYTES:
        try:
            address = ("127.0.0.1", int.from_bytes(request, "big"))
            connection = socket.create_connection(address, timeout=_CONNECT_TIMEOUT)
        except OSError:
            control.send(b"n")
            continue
        with connection:
            connection.settimeout(None)
            socket.send_fds(control, [b"y"], [connection.fileno()])


if __name__ == "__main__":
    # Ctrl-C reaches the whole terminal; the stack says when this is not needed any more.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=0) as stdin:
        open_network()
        stdin.send(b"r")
        serve(stdin)
