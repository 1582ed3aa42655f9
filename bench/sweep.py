"""A sweep of tags that did not move, the throttle off: beside curl on the same tags."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.page import version
from bench.registry import Registry, running
from bench.storage import Shape
from bench.turns import (
    Candidate,
    Spent,
    run_peer,
    running_server,
    spent_by_child,
    spent_here,
    table,
    take_turns,
)
from transship.clients.egress import Guard
from transship.clients.registry import RegistryClient
from transship.deadline import Deadline
from transship.looking import look_at
from transship.model.manifest import ACCEPTED
from transship.model.reference import Reference, parse_reference
from transship.resolve import resolve
from transship.throttle import Pauses, Throttle

_DELAY = 0.030
_SIDE_BY_SIDE = 32
_REPOSITORY = "bench/swept"


def measure(tiny: bool) -> str:
    counts = (100,) if tiny else (1000, 10_000)
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with running(folder) as registry:
            image = registry.storage.add(Shape(name="swept", layers=1, mebibytes=1))
            for number in range(max(counts)):
                registry.storage.tag(_REPOSITORY, f"t{number}", image.manifests[0][0])
            for count in counts:
                rows += _beside_curl(registry, count, folder, repeat=2 if tiny else 5)
        with running_server("bench.delayed", _DELAY * 1000) as authority:
            rows += [_far_row(authority, count) for count in counts]
    heads = ("tags", "of", "who", "median (least to most)", "CPU ms a tag", "ratio", "target")
    return _SAYS.format(peers=version("curl", "--version"), rows=table(heads, rows))


_SAYS = """\
## A sweep of tags that did not move

`look_at` and `RegistryClient.head` with no throttle, against `curl -I --parallel` with 32 at a
time on the same tags of docker-registry, and, 30 ms away, against N / 32 x 30 ms.
In production the throttle is what a sweep takes: 5 requests a second for each host. Peer: {peers}.

{rows}
"""


def _beside_curl(registry: Registry, count: int, folder: Path, repeat: int) -> list[list[object]]:
    client = registry.client()
    tags = [parse_reference(f"{registry.authority}/{_REPOSITORY}:t{n}") for n in range(count)]
    candidates: dict[str, Candidate] = {
        "transship": lambda: spent_here(lambda: _look(client, tags)),
        "curl": _curl(registry, count, folder),
    }
    turns = take_turns(candidates, repeat)
    client.close()
    ratio = turns["transship"].against(turns["curl"])
    return [
        [
            count,
            "docker-registry",
            who,
            its.spread(),
            f"{its.processor / count * 1000:.2f}",
            f"**{ratio:.2f}**" if who == "transship" else "",
            "1.10" if who == "transship" else "",
        ]
        for who, its in turns.items()
    ]


def _curl(registry: Registry, count: int, folder: Path) -> Candidate:
    """With what a client of registries has to send, and nothing printed."""
    written = folder / f"curl-{count}"
    urls = [f"{registry.url}/v2/{_REPOSITORY}/manifests/t{number}" for number in range(count)]
    written.write_text("".join(f'url = "{url}"\noutput = "/dev/null"\n' for url in urls))
    command = ["curl", "--head", "--silent", "--fail", "--parallel", "--parallel-max"]
    command += [str(_SIDE_BY_SIDE), "--header", f"Accept: {', '.join(ACCEPTED)}"]
    command += ["--config", str(written)]

    def run() -> Spent:
        return spent_by_child(lambda: run_peer(command))

    return run


def _far_row(authority: str, count: int) -> list[object]:
    client = RegistryClient(Guard(host_map={authority: f"http://{authority}"}))
    tags = [parse_reference(f"{authority}/{_REPOSITORY}:t{number}") for number in range(count)]
    _look(client, tags[:_SIDE_BY_SIDE])
    spent = spent_here(lambda: _look(client, tags))
    client.close()
    ideal = count / _SIDE_BY_SIDE * _DELAY
    return [
        count,
        "30 ms away",
        "transship",
        f"{spent.seconds:.2f} s, ideal {ideal:.2f} s",
        f"{(spent.processor or 0) / count * 1000:.2f}",
        f"**{spent.seconds / ideal:.2f}**",
        "1.10",
    ]


def _look(client: RegistryClient, tags: list[Reference]) -> None:
    deadline = Deadline.after(600)
    looks = look_at(
        tags,
        lambda tag: resolve(client, tag, deadline=deadline),
        throttle=Throttle(0),
        pauses=Pauses(),
        now=lambda: datetime.now(UTC),
    )
    seen = sum(look.head is not None for look in looks)
    assert seen == len(tags), seen
