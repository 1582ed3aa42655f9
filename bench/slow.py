"""An upstream far away: each connection slow, and the first byte late."""

import asyncio
import hashlib
import json
import sys
import time

from bench.storage import CONFIG, LAYER, MANIFEST, MIB
from bench.turns import running_server, spent_here, table
from transship.clients.egress import Guard
from transship.clients.registry import RegistryClient
from transship.deadline import Deadline
from transship.model.platform import CLOUD_RUN
from transship.model.reference import parse_reference
from transship.pull import pull

_RATE = 20e6  # bytes a second, of each connection
_FIRST_BYTE = 0.2
_THREADS = 4
_PIECE = 64 * 1024


def measure(tiny: bool) -> str:
    images = ((4, 1),) if tiny else ((8, 8), (16, 4), (1, 64))
    rows = [_row(layers, mebibytes, 1 if tiny else 3) for layers, mebibytes in images]
    return f"""\
## A slow upstream

Each connection gets 20 MB/s, and the first byte of each answer comes after 200 ms. Ideal: the
manifest, then config and layers shared by {_THREADS} connections with no time lost between.
One huge layer has one connection; parts of it side by side would not fill a mirror's cache, and
are not asked for.

{table(("image", "pull", "ideal", "of it", "target"), rows)}
"""


def _row(layers: int, mebibytes: int, repeat: int) -> list[object]:
    with running_server("bench.slow", layers, mebibytes) as authority:
        client = RegistryClient(Guard(host_map={authority: f"http://{authority}"}))
        image = parse_reference(f"{authority}/bench/slow:1")
        seconds = min(
            spent_here(lambda: pull(client, image, CLOUD_RUN, deadline=Deadline.after(300))).seconds
            for _ in range(repeat)
        )
        client.close()
    # The config says what the image is for, and is read before the layers where no index has.
    ideal = 2 * _FIRST_BYTE + -(-layers // _THREADS) * (_FIRST_BYTE + mebibytes * MIB / _RATE)
    return [
        f"{layers} x {mebibytes} MiB",
        f"{seconds:.2f} s",
        f"{ideal:.2f} s",
        f"**{ideal / seconds:.0%}**",
        "90%",
    ]


class _Upstream:
    """Serves one image. The bytes of its layers are all alike but for their first."""

    def __init__(self, layers: int, mebibytes: int) -> None:
        self._content: dict[str, tuple[bytes, str]] = {}
        config = self._add(json.dumps({"os": "linux", "architecture": "amd64"}).encode(), CONFIG)
        bodies = [bytes([number]) + bytes(mebibytes * MIB - 1) for number in range(layers)]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config,
            "layers": [self._add(body, LAYER) for body in bodies],
        }
        self._content["1"] = (json.dumps(manifest).encode(), MANIFEST)

    def _add(self, content: bytes, media_type: str) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._content[digest] = (content, media_type)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                path = request.split(b" ", 2)[1].decode()
                content, media_type = self._content[path.rpartition("/")[2]]
                await asyncio.sleep(_FIRST_BYTE)
                head = (
                    f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n"
                    f"Content-Type: {media_type}\r\n\r\n"
                )
                writer.write(head.encode())
                await _trickle(writer, memoryview(content))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def _trickle(writer: asyncio.StreamWriter, content: memoryview) -> None:
    began = time.monotonic()
    for at in range(0, len(content), _PIECE):
        writer.write(content[at : at + _PIECE])
        await writer.drain()
        ahead = (at + _PIECE) / _RATE - (time.monotonic() - began)
        if ahead > 0:
            await asyncio.sleep(ahead)


async def _serve(layers: int, mebibytes: int) -> None:
    upstream = _Upstream(layers, mebibytes)
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
