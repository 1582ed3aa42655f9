"""An upstream far away: each connection slow, and the first byte late."""

from bench import huge
from bench.storage import MIB
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


def measure(tiny: bool) -> str:
    images = ((4, 1),) if tiny else ((8, 8), (16, 4), (1, 64))
    rows = [_row(layers, mebibytes, 1 if tiny else 3) for layers, mebibytes in images]
    return f"""\
## A slow upstream

Each connection gets 20 MB/s, and the first byte of each answer comes after 200 ms. Ideal: the
manifest, then config and layers shared by {_THREADS} connections with no time lost between.
A layer that the mirror may not hold yet has one connection, which fills it.

{table(("image", "pull", "ideal", "of it", "target"), rows)}

{huge.measure(tiny)}"""


def _row(layers: int, mebibytes: int, repeat: int) -> list[object]:
    with running_server("bench.upstream", layers, mebibytes, _RATE, _FIRST_BYTE) as authority:
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
