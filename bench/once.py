"""Pulls in a process of their own, which then says what they took.

    python -m bench.once URL IMAGE [CA TURNS]

*kibibytes* are those at the end of the first pull; *pulled* and *hashed* are CPU seconds, of the
whole pull and of hashing as many bytes out of memory and nothing else, for each turn.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from transship.blobs import READ_SIZE
from transship.clients.egress import Guard
from transship.clients.registry import RegistryClient
from transship.deadline import Deadline
from transship.model.platform import CLOUD_RUN
from transship.model.reference import parse_reference
from transship.pull import Limits, pull


def main() -> None:
    url, image, *more = sys.argv[1:]
    ca_file, turns = (more[0], int(more[1])) if more else ("", 0)
    client = RegistryClient(
        Guard(host_map={parse_reference(image).registry: url, urlsplit(url).netloc: url}),
        ca_file=ca_file or None,
    )

    def pull_it() -> int:
        return pull(
            client,
            parse_reference(image),
            CLOUD_RUN,
            deadline=Deadline.after(600),
            limits=Limits(bytes=1 << 40),
        ).bytes

    size = pull_it()
    kibibytes = peak()
    content = memoryview(b"x" * size if turns else b"")
    pulled, hashed = [], []
    for _ in range(turns):
        pulled.append(_processor(pull_it))
        hashed.append(_processor(lambda: _hash(content)))
    client.close()
    found = {"bytes": size, "kibibytes": kibibytes, "pulled": pulled, "hashed": hashed}
    print(json.dumps(found))


def _hash(content: memoryview) -> None:
    running = hashlib.sha256()
    for at in range(0, len(content), READ_SIZE):
        running.update(content[at : at + READ_SIZE])


def _processor(run: Callable[[], object]) -> float:
    before = time.process_time()
    run()
    return time.process_time() - before


def peak() -> int:
    """Not getrusage's ru_maxrss, which a child inherits from whoever started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


if __name__ == "__main__":
    main()
