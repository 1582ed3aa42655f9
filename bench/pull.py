"""How fast a pull is, and how much memory it takes, beside skopeo and beside bare hashing.

    python bench/pull.py [--tiny] [--repeat N]

Debian's docker-registry serves images of random bytes over loopback. The candidates take turns, so
that a noisy neighbour troubles all of them; only the ratios mean anything on another machine. What
is compared, and what is not: bench/README.md.
"""

import argparse
import hashlib
import json
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from local.images import ballast, write_layout
from transship.clients.egress import Guard
from transship.clients.registry import RegistryClient
from transship.deadline import Deadline
from transship.model.platform import CLOUD_RUN
from transship.model.reference import parse_reference
from transship.pull import Limits, pull

MIB = 1024 * 1024
SECONDS = 600
LIMITS = Limits(bytes=1 << 40)
_LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """An image of *layers* layers of *mebibytes* each."""

    name: str
    layers: int
    mebibytes: int

    @property
    def size(self) -> int:
        return self.layers * self.mebibytes * MIB


SHAPES = (
    Shape(name="small", layers=5, mebibytes=1),
    Shape(name="wide", layers=60, mebibytes=2),
    Shape(name="medium", layers=8, mebibytes=32),
    Shape(name="large", layers=10, mebibytes=200),
)
TINY = (
    Shape(name="small", layers=5, mebibytes=1),
    Shape(name="wide", layers=20, mebibytes=1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    seconds: float
    processor: float


Candidate = Callable[[str], Spent]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="small images, to see that it works")
    parser.add_argument("--repeat", type=int, help="turns of each candidate")
    parser.add_argument("--once", metavar="IMAGE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        print(json.dumps(_pull_in_this_process(arguments.once)))
        return
    shapes = TINY if arguments.tiny else SHAPES
    repeat = arguments.repeat or (3 if arguments.tiny else 7)
    with tempfile.TemporaryDirectory() as folder, _registry(Path(folder)) as authority:
        for shape in shapes:
            _push(shape, authority)
        _speed(shapes, authority, repeat)
        _memory(shapes[0], shapes[-1], authority)


def _speed(shapes: tuple[Shape, ...], authority: str, repeat: int) -> None:
    with _client(authority) as warm:
        candidates: dict[str, Candidate] = {
            "transship, warm": warm,
            "transship, process": _fresh_process,
            "skopeo copy to a RAM disk": _skopeo,
        }
        print(f"{_version('skopeo')}; {_version('docker-registry')}; {repeat} turns\n")
        print("| image | candidate | s, median (min to max) | MB/s | CPU s/GB | against skopeo |")
        print("| --- | --- | --- | --- | --- | --- |")
        for shape in shapes:
            image = f"{authority}/bench/{shape.name}:latest"
            spent: dict[str, list[Spent]] = {name: [] for name in candidates}
            for candidate in candidates.values():
                candidate(image)  # warms the page cache, and whatever else there is
            for _ in range(repeat):
                for name, candidate in candidates.items():
                    spent[name].append(candidate(image))
            _print_speed(shape, spent)
    print()


def _print_speed(shape: Shape, spent: dict[str, list[Spent]]) -> None:
    skopeo = statistics.median(turn.seconds for turn in spent["skopeo copy to a RAM disk"])
    for name, turns in spent.items():
        seconds = [turn.seconds for turn in turns]
        median = statistics.median(seconds)
        processor = statistics.median(turn.processor for turn in turns) / shape.size * 1e9
        print(
            f"| {shape.name} {shape.layers} x {shape.mebibytes} MiB | {name}"
            f" | {median:.3f} ({min(seconds):.3f} to {max(seconds):.3f})"
            f" | {shape.size / median / 1e6:.0f} | {processor:.2f} | {median / skopeo:.2f} |"
        )
    processor = _hashing(shape)
    print(f"| {shape.name} | hashlib.sha256 alone | | | {processor:.2f} | |")


def _memory(small: Shape, large: Shape, authority: str) -> None:
    print("| image | peak resident MiB, whole process |")
    print("| --- | --- |")
    peaks = []
    for shape in (small, large):
        found = _once(f"{authority}/bench/{shape.name}:latest")
        peaks.append(found["kibibytes"] / 1024)
        print(f"| {shape.size // MIB} MiB | {peaks[-1]:.1f} |")
    print(f"| difference | {peaks[1] - peaks[0]:.1f} |")


@contextmanager
def _client(authority: str) -> Iterator[Candidate]:
    client = RegistryClient(Guard(host_map={authority: f"http://{authority}"}))

    def candidate(image: str) -> Spent:
        before, began = _processor(resource.RUSAGE_SELF), time.perf_counter()
        _pull(client, image)
        seconds = time.perf_counter() - began
        return Spent(seconds=seconds, processor=_processor(resource.RUSAGE_SELF) - before)

    yield candidate
    client.close()


def _pull(client: RegistryClient, image: str) -> int:
    reference = parse_reference(image)
    deadline = Deadline.after(SECONDS)
    return pull(client, reference, CLOUD_RUN, deadline=deadline, limits=LIMITS).bytes


def _pull_in_this_process(image: str) -> dict[str, int]:
    authority = parse_reference(image).registry
    client = RegistryClient(Guard(host_map={authority: f"http://{authority}"}))
    size = _pull(client, image)
    client.close()
    return {"bytes": size, "kibibytes": _peak()}


def _peak() -> int:
    """KiB. Not getrusage's ru_maxrss, which a child inherits from whoever started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def _once(image: str) -> dict[str, int]:
    command = [sys.executable, __file__, "--once", image]
    run = subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
    found: dict[str, int] = json.loads(run.stdout)
    return found


def _fresh_process(image: str) -> Spent:
    return _spent_by_child(lambda: _once(image))


def _skopeo(image: str) -> Spent:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        command = ["skopeo", "copy", "--src-tls-verify=false", f"docker://{image}", f"dir:{folder}"]
        return _spent_by_child(
            lambda: subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
        )


def _spent_by_child(run: Callable[[], object]) -> Spent:
    before, began = _processor(resource.RUSAGE_CHILDREN), time.perf_counter()
    run()
    seconds = time.perf_counter() - began
    return Spent(seconds=seconds, processor=_processor(resource.RUSAGE_CHILDREN) - before)


def _processor(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def _hashing(shape: Shape) -> float:
    """Seconds of processor for each 1e9 bytes that are hashed and nothing else."""
    piece = bytes(MIB)
    count = min(shape.size, 256 * MIB) // MIB
    before = time.process_time()
    running = hashlib.sha256()
    for _ in range(count):
        running.update(piece)
    return (time.process_time() - before) / (count * MIB) * 1e9


def _push(shape: Shape, authority: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_layout(ballast(shape.layers, shape.mebibytes * MIB), Path(folder), "latest")
        subprocess.run(
            [
                "skopeo",
                "copy",
                "--preserve-digests",
                "--dest-tls-verify=false",
                f"oci:{folder}:latest",
                f"docker://{authority}/bench/{shape.name}:latest",
            ],
            check=True,
            capture_output=True,
            timeout=SECONDS,
        )


@contextmanager
def _registry(folder: Path) -> Iterator[str]:
    """Debian's docker-registry on a port that the kernel chooses; its host and port."""
    for program in ("docker-registry", "skopeo"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing: install the Debian package {program}")
    configuration = {
        "version": "0.1",
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
        "http": {"addr": "127.0.0.1:0"},
    }
    (folder / "config.yml").write_text(json.dumps(configuration))  # JSON is YAML
    output = folder / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")],
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield urlsplit(f"http://{_listening(process, output)}").netloc
    finally:
        process.terminate()
        process.wait(SECONDS)


def _listening(process: "subprocess.Popen[bytes]", output: Path) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        if match := _LISTENING.search(output.read_text()):
            return match[1]
        time.sleep(0.02)
    sys.exit(f"docker-registry did not start:\n{output.read_text()}")


def _version(program: str) -> str:
    run = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    return run.stdout.splitlines()[0].replace(" version", "")


if __name__ == "__main__":
    main()
