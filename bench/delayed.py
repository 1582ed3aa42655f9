"""A registry for sweeps: answers HEAD of any manifest after a delay, as one far away does.

    python -m bench.delayed MILLISECONDS

Prints its port.
"""

import asyncio
import sys

_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 1105\r\n"
    b"Content-Type: application/vnd.oci.image.index.v1+json\r\n"
    b"Docker-Content-Digest: sha256:" + b"0123456789abcdef" * 4 + b"\r\n\r\n"
)


class _Connection(asyncio.Protocol):
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            _, _, self._received = self._received.partition(b"\r\n\r\n")
            if self._seconds:
                asyncio.get_running_loop().call_later(self._seconds, self._transport.write, _ANSWER)
            else:
                self._transport.write(_ANSWER)


async def _serve(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(seconds), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]) / 1000))
