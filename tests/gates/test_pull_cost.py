"""What a pull may cost: processor time against bare hashing, memory, and bytes on the wire."""

import json
import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.unit.scripted_registry import (
    CDN,
    MIRROR,
    Asked,
    Contents,
    Reply,
    client_of,
    part_of,
    scripted,
    soon,
)
from transship.model.platform import CLOUD_RUN
from transship.model.reference import parse_reference
from transship.pull import pull

MIB = 1024 * 1024
NAME = "library/site"
ROOT = Path(__file__).resolve().parents[2]
TURNS, PROCESSES = 6, 8

# The target is 1.5. A quiet machine shows 1.39 (docs/benchmarks.md), a shared one has shown more
# than 1.6 for all of several processes: what the neighbours do to the caches is in it. Reads of
# 16 KiB, which cost twice as much, still fail.
PLAIN = 2.0
# The target is 3.1, for the same reason; a quiet machine shows 2.94.
TLS = 4.0


def image_of(*layers: int) -> Contents:
    """One whose layers have so many MiB."""
    contents = Contents()
    manifest = contents.add_image([os.urandom(size * MIB) for size in layers])
    contents.add_index({"linux/amd64": manifest}, "1")
    return contents


def in_a_process(url: str, *more: str) -> dict[str, Any]:
    """Nothing of Google's or of the tests' is loaded there."""
    command = [sys.executable, "-m", "bench.once", url, f"registry.example.com/{NAME}:1", *more]
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=100)
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def costs_at_most(limit: float, url: str, ca_file: str = "") -> bool:
    """Processor time of a pull against hashing the same bytes, in the best of several processes.

    The least of each: what disturbs a turn adds to it, and never takes from it. What is received
    goes through caches that the neighbours share, so a busy machine needs more than one process.
    """
    for _ in range(PROCESSES):
        found = in_a_process(url, ca_file, str(TURNS))
        if min(found["pulled"]) <= limit * min(found["hashed"]):
            return True
    return False


def test_a_pull_costs_less_than_twice_what_hashing_does() -> None:
    with scripted(image_of(32, 32, 32, 32)) as registry:
        assert costs_at_most(PLAIN, registry.url)


def test_a_pull_over_tls_costs_three_times_as_much_as_hashing_and_no_more(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("registry.example.com").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    with scripted(image_of(32, 32, 32, 32), context) as registry:
        assert costs_at_most(TLS, registry.url, str(tmp_path / "ca.pem"))


def test_memory_does_not_grow_with_the_image() -> None:
    with scripted(image_of(1, 1, 1, 1, 1)) as small, scripted(image_of(*[24] * 8)) as big:
        least = min(in_a_process(small.url)["kibibytes"] for _ in range(3))
        most = min(in_a_process(big.url)["kibibytes"] for _ in range(3))

    # The target is 2 MiB, and 0.5 is usual; at times the small one takes 2 MiB less, when no two
    # of its five blobs are read at the same time. A buffer for each layer would be 8 and more.
    assert most - least <= 3 * 1024
    assert most <= 40 * 1024, "the whole process, without the Google clients"


def test_a_layer_in_ranges_takes_no_more_memory_than_its_window() -> None:
    """While four others are read beside it."""
    with scripted(image_of(96, *[24] * 4)) as registry:
        run = subprocess.run(
            [
                sys.executable,
                "-m",
                "bench.huge",
                f"127.0.0.1:{registry.port}",
                "ranges",
                str(MIB * 64),
            ],
            cwd=ROOT,
            check=True,
            capture_output=True,
            timeout=100,
        )

    ranges = [asked for asked in registry.asked if "range" in asked.headers]
    assert len(ranges) == 96 / 3
    assert json.loads(run.stdout)["kibibytes"] <= 60 * 1024, "the whole process"


def test_a_body_that_is_cut_again_and_again_is_received_once() -> None:
    """The registry sends the blob's reader to another host, whose answers end after 12 MiB."""
    contents = image_of(40)
    sent = 0

    def cuts(asked: Asked) -> Reply:
        nonlocal sent
        if "/blobs/" not in asked.path:
            return contents(asked)
        if asked.host != CDN:
            return Reply(status=307, headers=[("Location", f"https://{CDN}{asked.path}?signed")])
        whole = part_of(contents.blobs[asked.path.rpartition("/")[2]], asked)
        end = min(len(whole.body), 12 * MIB)
        sent += end
        # The length is that of the rest; what comes is less, and then the connection ends.
        return Reply(
            status=whole.status,
            headers=whole.headers,
            body=whole.body[:end],
            length=len(whole.body),
            cut_after=end if end < len(whole.body) else None,
        )

    with scripted(cuts) as registry:
        client = client_of(registry, google_token=lambda: "ya29.local.token")
        image = parse_reference(f"{MIRROR}/sample-project/docker/{NAME}:1")
        pulled = pull(client, image, CLOUD_RUN, deadline=soon())
        client.close()

    assert pulled.bytes >= 40 * MIB
    assert sent <= 1.001 * pulled.bytes
    redirected = [asked for asked in registry.asked if asked.host == CDN]
    assert len(redirected) >= 4, "the body was cut"
    assert not any("authorization" in asked.headers for asked in redirected)
    told = [asked for asked in registry.asked if asked.host == MIRROR]
    assert all("authorization" in asked.headers for asked in told)


@pytest.mark.parametrize("library", ["aiohttp", "niquests"])
def test_libraries_that_slow_the_others_down_are_not_installed(library: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", f"import {library}"], capture_output=True, check=False, timeout=60
    )

    assert found.returncode == 1
