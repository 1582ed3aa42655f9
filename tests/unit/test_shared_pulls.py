"""One pull for all who want the same image at the same time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.unit.scripted_registry import (
    STATIC_SITE,
    Asked,
    Contents,
    Reply,
    client_of,
    random_bytes,
    scripted,
    soon,
)
from transship.deadline import Deadline
from transship.errors import ImageNotFound, RegistryUnavailable
from transship.model.platform import CLOUD_RUN
from transship.model.reference import Reference
from transship.shared_pulls import SharedPulls

WAITERS = 10


class Gate:
    """Answers from *contents*, but lets no answer out before it is opened."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, asked: Asked) -> Reply:
        self.reached.set()
        self.opened.wait(20)
        return self.contents(asked)


class Arrivals:
    """A deadline whose clock tells that it is being waited for."""

    def __init__(self) -> None:
        self._arrived = threading.Semaphore(0)
        self.deadline = Deadline(at=time.monotonic() + 20, clock=self._tick)

    def _tick(self) -> float:
        self._arrived.release()
        return time.monotonic()

    def wait_for(self, number: int) -> None:
        for _ in range(number):
            assert self._arrived.acquire(timeout=20)


def site() -> tuple[Contents, Reference]:
    contents = Contents()
    digest = contents.add_image([random_bytes(10_000)], "latest")
    return contents, STATIC_SITE.pin(digest)


def test_ten_messages_at_once_are_one_pull() -> None:
    contents, pinned = site()
    # The tag makes no difference where there is a digest.
    untagged = Reference(registry="docker.io", repository=pinned.repository, digest=pinned.digest)
    gate, arrivals, pulls = Gate(contents), Arrivals(), SharedPulls()
    with scripted(gate) as registry, ThreadPoolExecutor(WAITERS) as pool:
        client = client_of(registry)
        first = pool.submit(pulls.pull, client, pinned, CLOUD_RUN, deadline=soon())
        gate.reached.wait(20)
        others = [
            pool.submit(pulls.pull, client, untagged, CLOUD_RUN, deadline=arrivals.deadline)
            for _ in range(WAITERS - 1)
        ]
        arrivals.wait_for(WAITERS - 1)
        gate.opened.set()
        results = [first.result(), *(other.result() for other in others)]
        client.close()
    assert all(result is results[0] for result in results)
    assert len(registry.paths()) == 3


def test_a_failure_is_shared_too() -> None:
    contents, pinned = site()
    contents.blobs.clear()
    gate, arrivals, pulls = Gate(contents), Arrivals(), SharedPulls()
    with scripted(gate) as registry, ThreadPoolExecutor(2) as pool:
        client = client_of(registry)
        first = pool.submit(pulls.pull, client, pinned, CLOUD_RUN, deadline=soon())
        gate.reached.wait(20)
        other = pool.submit(pulls.pull, client, pinned, CLOUD_RUN, deadline=arrivals.deadline)
        arrivals.wait_for(1)
        gate.opened.set()
        for future in (first, other):
            with pytest.raises(ImageNotFound):
                future.result()
        client.close()


def test_who_comes_second_waits_no_longer_than_its_own_deadline() -> None:
    contents, pinned = site()
    gate, pulls = Gate(contents), SharedPulls()
    with scripted(gate) as registry, ThreadPoolExecutor(1) as pool:
        client = client_of(registry)
        first = pool.submit(pulls.pull, client, pinned, CLOUD_RUN, deadline=soon())
        gate.reached.wait(20)
        with pytest.raises(RegistryUnavailable, match="another pull"):
            pulls.pull(client, pinned, CLOUD_RUN, deadline=Deadline.after(0))
        gate.opened.set()
        assert first.result().blobs == 2
        client.close()


def test_who_comes_later_proves_it_again() -> None:
    contents, pinned = site()
    pulls = SharedPulls()
    with scripted(contents) as registry:
        client = client_of(registry)
        for _ in range(2):
            pulls.pull(client, pinned, CLOUD_RUN, deadline=soon())
        contents.blobs.clear()
        with pytest.raises(ImageNotFound):
            pulls.pull(client, pinned, CLOUD_RUN, deadline=soon())
        client.close()


def test_pulls_by_tag_are_not_shared() -> None:
    """The tag may have moved since the first one asked; so who comes second asks for itself."""
    contents, _ = site()
    gate, pulls = Gate(contents), SharedPulls()
    with scripted(gate) as registry, ThreadPoolExecutor(1) as pool:
        client = client_of(registry)
        first = pool.submit(pulls.pull, client, STATIC_SITE, CLOUD_RUN, deadline=soon())
        gate.reached.wait(20)
        with pytest.raises(RegistryUnavailable, match="no time is left to ask"):
            pulls.pull(client, STATIC_SITE, CLOUD_RUN, deadline=Deadline.after(0))
        gate.opened.set()
        assert first.result().blobs == 2
        client.close()
