"""A registry with one image, far away: each connection slow, and the first byte of an answer late.

    python -m bench.upstream LAYERS MEBIBYTES BYTES_A_SECOND FIRST_BYTE_SECONDS

Prints its port. All bytes of a layer are alike, so that it has any size and takes no memory.
"""

import asyncio
import hashlib
import json
import re
import sys
import time
from dataclasses import dataclass

from bench.storage import CONFIG, LAYER, MANIFEST, MIB

_PIECE = 64 * 1024
_RANGE = re.compile(rb"\r\nrange: bytes=(\d+)-(\d*)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """*block*, as often as it goes into *size*."""

    block: bytes
    size: int
    media_type: str

    def described(self) -> dict[str, object]:
        running = hashlib.sha256()
        for at in range(0, self.size, len(self.block)):
            running.update(self.block[: self.size - at])
        digest = f"sha256:{running.hexdigest()}"
        return {"mediaType": self.media_type, "digest": digest, "size": self.size}


class _Upstream:
    def __init__(self, layers: int, mebibytes: int, rate: float, first_byte: float) -> None:
        self._rate = rate
        self._first_byte = first_byte
        self._content: dict[str, _Content] = {}
        config = self._document({"os": "linux", "architecture": "amd64"}, CONFIG)
        blocks = [bytes([number]) * _PIECE for number in range(layers)]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._add(config),
            "layers": [
                self._add(_Content(block=block, size=mebibytes * MIB, media_type=LAYER))
                for block in blocks
            ],
        }
        self._content["1"] = self._document(manifest, MANIFEST)

    def _document(self, document: object, media_type: str) -> _Content:
        content = json.dumps(document).encode()
        return _Content(block=content, size=len(content), media_type=media_type)

    def _add(self, content: _Content) -> dict[str, object]:
        described = content.described()
        self._content[str(described["digest"])] = content
        return described

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                path = request.split(b" ", 2)[1].decode()
                content = self._content[path.rpartition("/")[2]]
                await asyncio.sleep(self._first_byte)
                length = _answer(writer, content, _RANGE.search(request))
                await self._trickle(writer, content.block, length)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _trickle(self, writer: asyncio.StreamWriter, block: bytes, length: int) -> None:
        began = time.monotonic()
        for at in range(0, length, len(block)):
            writer.write(memoryview(block)[: length - at])
            await writer.drain()
            ahead = (at + len(block)) / self._rate - (time.monotonic() - began)
            if ahead > 0:
                await asyncio.sleep(ahead)


def _answer(
    writer: asyncio.StreamWriter, content: _Content, asked: "re.Match[bytes] | None"
) -> int:
    """How many bytes come behind the header."""
    start, end, status = 0, content.size, "200 OK"
    if asked is not None:
        start = int(asked[1])
        end = min(int(asked[2]) + 1, end) if asked[2] else end
        status = f"206 Partial Content\r\nContent-Range: bytes {start}-{end - 1}/{content.size}"
    head = (
        f"HTTP/1.1 {status}\r\nContent-Length: {end - start}\r\n"
        f"Content-Type: {content.media_type}\r\n\r\n"
    )
    writer.write(head.encode())
    return end - start


async def _serve(layers: int, mebibytes: int, rate: float, first_byte: float) -> None:
    upstream = _Upstream(layers, mebibytes, rate, first_byte)
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])))
