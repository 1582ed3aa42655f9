"""Layers of images, the same bytes for the same arguments.

https://github.com/opencontainers/image-spec/blob/main/layer.md
"""

import gzip
import hashlib
import io
import random
import struct
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

BUSYBOX = Path("/bin/busybox")
APPLETS = ("cat", "env", "head", "httpd", "id", "ls", "nc", "printf", "ps", "sh", "sleep")
PT_INTERP = 3
CHUNK = 1024 * 1024


class BusyboxMissing(RuntimeError):
    """The sample images cannot be built on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Content by digest, produced anew each time it is read, so that big ones cost no memory."""

    digest: str
    size: int
    chunks: Callable[[], Iterator[bytes]] = field(compare=False, repr=False)

    def read(self) -> bytes:
        return b"".join(self.chunks())


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    blob: Blob
    diff_id: str
    compressed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    content: bytes
    mode: int = 0o644


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def blob_of(content: bytes) -> Blob:
    return Blob(digest=digest_of(content), size=len(content), chunks=lambda: iter((content,)))


def files_layer(files: Mapping[str, File | str]) -> Layer:
    """A compressed layer of *files*; a string is the target of a symbolic link."""
    archive = _tar(files)
    return Layer(
        blob=blob_of(gzip.compress(archive, 6, mtime=0)),
        diff_id=digest_of(archive),
        compressed=True,
    )


@cache
def busybox_layer(program: Path = BUSYBOX) -> Layer:
    """A root file system of one static binary and the links that name its applets."""
    try:
        binary = program.read_bytes()
    except FileNotFoundError:
        raise BusyboxMissing(
            f"{program} is absent: install the Debian package busybox-static"
        ) from None
    if _is_dynamic(binary):
        raise BusyboxMissing(f"{program} is not static: install the Debian package busybox-static")
    files: dict[str, File | str] = {f"bin/{applet}": "busybox" for applet in APPLETS}
    files["bin/busybox"] = File(content=binary, mode=0o755)
    files["etc/passwd"] = File(content=b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    return files_layer(files)


def random_layer(size: int, seed: int) -> Layer:
    """An uncompressed layer with one file of *size* incompressible bytes.

    Only its digest is kept: the bytes are generated again whenever they are read.
    """
    header = tarfile.TarInfo(f"ballast/{seed}")
    header.size = size
    head = header.tobuf(tarfile.PAX_FORMAT)
    padding = -size % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE

    def chunks() -> Iterator[bytes]:
        source = random.Random(seed)  # noqa: S311 — repeatable is the point, not secret
        yield head
        for start in range(0, size, CHUNK):
            yield source.randbytes(min(CHUNK, size - start))
        yield bytes(padding)

    running = hashlib.sha256()
    for chunk in chunks():
        running.update(chunk)
    digest = "sha256:" + running.hexdigest()
    return Layer(
        blob=Blob(digest=digest, size=len(head) + size + padding, chunks=chunks),
        diff_id=digest,
        compressed=False,
    )


def _is_dynamic(elf: bytes) -> bool:
    """Whether a 64-bit program asks for an interpreter, which an image has not.

    https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html
    """
    (table,) = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    kinds = (struct.unpack_from("<I", elf, table + size * number)[0] for number in range(count))
    return PT_INTERP in kinds


def _tar(files: Mapping[str, File | str]) -> bytes:
    raw = io.BytesIO()
    # TarInfo's own defaults (epoch, root) keep the archive the same on every machine.
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for folder in sorted({str(parent) for name in files for parent in Path(name).parents}):
            if folder != ".":
                entry = tarfile.TarInfo(folder)
                entry.type = tarfile.DIRTYPE
                entry.mode = 0o755
                archive.addfile(entry)
        for name, file in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            if isinstance(file, str):
                entry.type = tarfile.SYMTYPE
                entry.linkname = file
                entry.mode = 0o777
                archive.addfile(entry)
            else:
                entry.size = len(file.content)
                entry.mode = file.mode
                archive.addfile(entry, io.BytesIO(file.content))
    return raw.getvalue()
