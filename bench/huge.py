"""One huge layer that a mirror holds: by one connection, and in ranges.

    python -m bench.huge AUTHORITY plain|ranges [LEAST]

pulls ``bench/slow:1`` in this process, which then says what it took: *kibibytes* are the most it
ever had. A layer of LEAST bytes is huge; without it, any.
"""

import json
import statistics
import sys
from dataclasses import dataclass

from bench.once import peak
from bench.turns import run_peer, running_server, spent_here, table
from transship.clients.egress import Guard
from transship.clients.registry import RegistryClient
from transship.deadline import Deadline
from transship.model.platform import CLOUD_RUN
from transship.model.ranges import Window
from transship.model.reference import parse_reference
from transship.pull import pull
from transship.ranges import Ranges

_REPEAT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """What each connection gets a second, and how late each answer's first byte is."""

    mebibytes: int
    rate: float
    first_byte: float

    def __str__(self) -> str:
        return f"{self.rate / 1e6:.0f} MB/s, {self.first_byte * 1000:.0f} ms"


# Sixteen connections of the second give more than two cores receive, hash and serve: what is left
# there is the machine's limit, and of the first the network's.
FAR = (
    Far(mebibytes=512, rate=20e6, first_byte=0.2),
    Far(mebibytes=1024, rate=60e6, first_byte=0.0),
)
TINY = (Far(mebibytes=4, rate=20e6, first_byte=0.0),)


def measure(tiny: bool) -> str:
    """A fresh process for each turn; the two take turns, every other time in the opposite order."""
    window = Window()
    rows = [row for far in (TINY if tiny else FAR) for row in _rows(far, 1 if tiny else _REPEAT)]
    heads = ("each connection", "layer", "read", "median (least to most)", "peak MiB", "faster")
    return f"""\
One layer that the mirror has held for long is read in ranges of {window.length >> 20} MiB over
{window.connections} connections, with room for {window.rooms}, against one connection. The target
is 5 times as fast, with 60 MiB in all.

{table((*heads, "target"), rows)}
"""


def _rows(far: Far, repeat: int) -> list[list[object]]:
    found: dict[str, list[dict[str, float]]] = {"plain": [], "ranges": []}
    with running_server("bench.upstream", 1, far.mebibytes, far.rate, far.first_byte) as authority:
        for number in range(repeat):
            for how in sorted(found, reverse=bool(number % 2)):
                command = [sys.executable, "-m", "bench.huge", authority, how]
                found[how].append(json.loads(run_peer(command)))
    pairs = zip(found["plain"], found["ranges"], strict=True)
    faster = statistics.median(one["seconds"] / many["seconds"] for one, many in pairs)
    return [
        [far, f"{far.mebibytes} MiB", "one connection", *_said(found["plain"]), "", ""],
        ["", "", "ranges", *_said(found["ranges"]), f"**{faster:.1f}**", "5, 60 MiB"],
    ]


def _said(turns: list[dict[str, float]]) -> tuple[str, str]:
    seconds = sorted(turn["seconds"] for turn in turns)
    spread = f"{statistics.median(seconds):.2f} s ({seconds[0]:.2f} to {seconds[-1]:.2f})"
    return spread, f"{max(turn['kibibytes'] for turn in turns) / 1024:.1f}"


def main() -> None:
    authority, how, *least = sys.argv[1:]
    client = RegistryClient(Guard(host_map={authority: f"http://{authority}"}))
    window = Window(least=int(least[0]) if least else 1)
    ranges = Ranges(is_held=lambda _: how == "ranges", window=window)
    image = parse_reference(f"{authority}/bench/slow:1")
    deadline = Deadline.after(600)
    spent = spent_here(lambda: pull(client, image, CLOUD_RUN, deadline=deadline, ranges=ranges))
    client.close()
    print(json.dumps({"seconds": spent.seconds, "kibibytes": peak()}))


if __name__ == "__main__":
    main()
