"""A whole image, proved: beside skopeo, beside the same in C, and beside bare hashing."""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.page import version
from bench.registry import Registry, running
from bench.storage import MIB, Shape, Stored
from bench.turns import (
    SECONDS,
    Candidate,
    Spent,
    Turns,
    run_peer,
    spent_by_child,
    spent_here,
    table,
    take_turns,
)
from transship.clients.registry import RegistryClient
from transship.deadline import Deadline
from transship.model.platform import CLOUD_RUN
from transship.model.reference import parse_reference
from transship.pull import Limits, pull

SHAPES = (
    Shape(name="small", layers=5, mebibytes=1),
    Shape(name="wide", layers=60, mebibytes=2),
    Shape(name="medium", layers=8, mebibytes=32),
    Shape(name="large", layers=10, mebibytes=200),
)
TINY = (Shape(name="small", layers=2, mebibytes=1),)
LIMITS = Limits(bytes=1 << 40)

# What issue and documents call the targets: against skopeo 1.9.3, and against C.
_TARGETS = {
    "small": "- / -",
    "wide": "0.30 / 1.25",
    "medium": "0.16 / 1.10",
    "large": "0.16 / 1.10",
}
_THREADS = 4
_REPEAT = {"small": 21, "wide": 7, "medium": 7, "large": 3}
_SOURCE = Path(__file__).parent / "peers" / "cpull.c"


def measure(tiny: bool) -> str:
    shapes = TINY if tiny else SHAPES
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        cpull = build(_SOURCE, folder, "-lcrypto", "-lssl", "-lpthread")
        with running(folder) as plain, running(folder, tls=True) as secure:
            images = {shape: plain.storage.add(shape) for shape in shapes}
            rows = []
            for shape, image in images.items():
                repeat = 1 if tiny else _REPEAT[shape.name]
                rows += _rows(shape, image, plain, cpull, repeat, skopeo=True)
                rows += _rows(shape, image, secure, cpull, repeat, skopeo=False)
            memory = _memory(shapes, plain)
    return _SAYS.format(
        peers=f"{version('skopeo', '--version')}, {version('docker-registry', '--version')},"
        f" {version('gcc', '--version')}",
        speed=table(
            (
                "image",
                "over",
                "who",
                "median (least to most)",
                "MB/s",
                "CPU s/GB",
                "CPU against bare hashing",
                "transship against it",
                "target",
            ),
            rows,
        ),
        memory=memory,
    )


_SAYS = """\
## A pull of a cached image, warm

`transship.pull.pull` in a process that has pulled before, as an instance has.
skopeo writes what it reads to a RAM disk, the others throw it away; the program in C
(`bench/peers/cpull.c`) asks for the same documents on as many connections, hashes them, and parses
nothing. What is served comes from the page cache of the same two cores.
Targets are against skopeo 1.9.3 and against C; over TLS 1.25 against C. Peers: {peers}.

{speed}

Peak resident memory of a fresh process that pulls one image (`VmHWM`), interpreter and all:

{memory}
"""


def build(source: Path, folder: Path, *libraries: str) -> str:
    """A peer in C, built where a compiler is."""
    program = folder / source.stem
    subprocess.run(
        ["gcc", "-O2", "-o", str(program), str(source), *libraries], check=True, timeout=120
    )
    return str(program)


def _rows(
    shape: Shape, image: Stored, registry: Registry, cpull: str, repeat: int, *, skopeo: bool
) -> list[list[object]]:
    name = f"{registry.authority}/{image.repository}:latest"
    client = registry.client()
    candidates: dict[str, Candidate] = {
        "transship": lambda: spent_here(lambda: pull_once(client, name)),
        "C": _in_c(cpull, registry, image),
    }
    if skopeo:
        candidates[version("skopeo", "--version")] = lambda: spent_by_child(lambda: _skopeo(name))
    turns = take_turns(candidates, repeat)
    client.close()
    hashing = hashing_alone(min(shape.size, 512 * MIB))
    return [_row(shape, registry, who, turns, hashing) for who in turns]


def _row(
    shape: Shape, registry: Registry, who: str, turns: dict[str, Turns], hashing: float
) -> list[object]:
    its = turns[who]
    processor = its.processor / shape.size * 1e9
    return [
        shape,
        "TLS" if registry.ca_file else "plain",
        who,
        its.spread(),
        f"{shape.size / its.seconds / 1e6:.0f}",
        f"{processor:.2f}",
        f"{processor / hashing:.2f}",
        "" if who == "transship" else f"**{turns['transship'].against(its):.2f}**",
        "" if who != "transship" else "- / 1.25" if registry.ca_file else _TARGETS[shape.name],
    ]


def pull_once(client: RegistryClient, image: str) -> int:
    reference = parse_reference(image)
    deadline = Deadline.after(SECONDS)
    return pull(client, reference, CLOUD_RUN, deadline=deadline, limits=LIMITS).bytes


def _in_c(cpull: str, registry: Registry, image: Stored) -> Candidate:
    place = f"/v2/{image.repository}"
    listed = [f"{place}/manifests/{digest} {digest} {size}" for digest, size in image.manifests]
    listed += [f"{place}/blobs/{digest} {digest} {size}" for digest, size in image.blobs]
    documents = Path(cpull).parent / f"{image.repository.replace('/', '-')}-{registry.port}"
    documents.write_text("\n".join(listed))
    command = [cpull, str(registry.port), str(documents), str(len(image.manifests)), str(_THREADS)]
    if registry.ca_file:
        command.append(registry.ca_file)
    said: list[str] = []

    def run() -> Spent:
        said.clear()
        spent = spent_by_child(lambda: said.append(run_peer(command)))
        # Without its start, which a warm process has behind it.
        return Spent(seconds=float(said[0]), processor=spent.processor)

    return run


def _skopeo(image: str) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        run_peer(["skopeo", "copy", "--src-tls-verify=false", f"docker://{image}", f"dir:{folder}"])


def hashing_alone(size: int) -> float:
    """CPU seconds for each 1e9 bytes that are hashed and nothing else."""
    piece = bytes(MIB)
    before = time.process_time()
    running_hash = hashlib.sha256()
    for _ in range(size // MIB):
        running_hash.update(piece)
    return (time.process_time() - before) / (size // MIB * MIB) * 1e9


def _memory(shapes: tuple[Shape, ...], registry: Registry) -> str:
    peaks = {shape: peak_of(registry, f"bench/{shape.name}:latest") for shape in shapes}
    rows: list[list[object]] = [[shape, f"{kib / 1024:.1f}"] for shape, kib in peaks.items()]
    difference = (max(peaks.values()) - peaks[shapes[0]]) / 1024
    rows.append(["the most, minus the smallest image", f"**{difference:.1f}** (target 2)"])
    return table(("image", "MiB"), rows)


def peak_of(registry: Registry, image: str) -> int:
    """KiB of a fresh process that pulls *image*."""
    command = [sys.executable, "-m", "bench.once", registry.url, f"{registry.authority}/{image}"]
    found: dict[str, int] = json.loads(run_peer(command))
    return found["kibibytes"]
