"""A huge layer in ranges: the same proof or the usual error, whatever the ranges meet."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transship.deadline import Deadline
from transship.errors import (
    AccessDenied,
    DigestMismatch,
    RateLimited,
    RegistryUnavailable,
    TransshipError,
)
from transship.model.digest import Digest
from transship.model.fetched import Known
from transship.model.manifest import Descriptor
from transship.model.mirror import Mirror
from transship.model.ranges import Part, Window, is_long_held
from transship.model.reference import Reference, parse_reference
from transship.prove import Proof
from transship.ranges import Ranges
from transship.stock import LongHeld

IMAGE = parse_reference("asia-northeast1-docker.pkg.dev/sample-project/docker/library/site:1")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)


# Which ranges, and what they have to say


@given(size=st.integers(0, 10_000), length=st.integers(1, 999))
def test_the_parts_are_the_blob_in_order(size: int, length: int) -> None:
    parts = list(Window(length=length).parts(size))

    assert [number for part in parts for number in range(part.start, part.end)] == list(range(size))
    assert all(part.size == length for part in parts[:-1])


STATED = [
    ("bytes 10-19/100", True),
    ("Bytes 10-19/100 ", True),
    ("bytes 10-19/*", False),
    ("bytes 10-19/101", False),
    ("bytes 10-18/100", False),
    ("bytes 0-19/100", False),
    ("bytes 0-99/100", False),
    ("bytes */100", False),
    ("10-19/100", False),
    ("", False),
]


@pytest.mark.parametrize(("content_range", "is_it"), STATED)
def test_only_the_very_part_that_was_asked_for_counts(content_range: str, is_it: bool) -> None:
    assert Part(start=10, end=20).is_stated(content_range, total=100) is is_it


@pytest.mark.parametrize(
    ("since", "is_it"),
    [
        (None, False),
        (NOW, False),
        (NOW - DAY + timedelta(seconds=1), False),
        (NOW - DAY, True),
        (NOW + DAY, False),
    ],
)
def test_what_is_held_for_a_day_is_long_held(since: datetime | None, is_it: bool) -> None:
    assert is_long_held(since, NOW) is is_it


# Whether the mirror holds it


class Stock:
    def __init__(self, said: datetime | TransshipError | None) -> None:
        self.said = said
        self.asked: list[Reference] = []

    def held_since(self, image: Reference) -> datetime | None:
        self.asked.append(image)
        if isinstance(self.said, TransshipError):
            raise self.said
        return self.said

    def tag(self, image: Reference) -> Known | None:
        raise AssertionError(f"{image}: nobody needs its tag")

    def keeps(self, mirror: Mirror) -> bool:
        raise AssertionError(f"{mirror}: nobody needs its mode")


def layer_of(content: bytes, size: int | None = None) -> Descriptor:
    digest = Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")
    return Descriptor(media_type="", digest=digest, size=len(content) if size is None else size)


def test_without_a_huge_layer_the_mirror_is_not_asked() -> None:
    stock = Stock(NOW - DAY)
    ranges = Ranges(is_held=LongHeld(stock, lambda: NOW))

    assert ranges.suited(IMAGE, [layer_of(b"", 256 * 1024**2 - 1)]) == {}
    assert stock.asked == []


def test_the_huge_layers_of_an_image_cost_one_question() -> None:
    stock = Stock(NOW - DAY)
    ranges = Ranges(is_held=LongHeld(stock, lambda: NOW))
    small, *huge = (layer_of(bytes([n]), n * 256 * 1024**2) for n in range(3))

    assert list(ranges.suited(IMAGE, [small, *huge])) == huge
    assert stock.asked == [IMAGE]


@pytest.mark.parametrize(
    "said", [None, NOW, RegistryUnavailable("down"), AccessDenied("not for you")]
)
def test_what_is_not_known_to_be_held_is_read_by_one_connection(
    said: datetime | TransshipError | None,
) -> None:
    ranges = Ranges(is_held=LongHeld(Stock(said), lambda: NOW))

    assert ranges.suited(IMAGE, [layer_of(b"", 1024**3)]) == {}


# Reading, over a store that is not there


@dataclass
class Store:
    """Has *content*; what the *faults* say goes wrong with one answer each, in order."""

    content: bytes
    faults: Iterator[str]
    lock: threading.Lock = field(default_factory=threading.Lock)
    handed_out: int = 0
    most_ahead: int = 0
    open: int = 0
    most_open: int = 0
    proof: Proof | None = None

    def _fault(self) -> str:
        with self.lock:
            return next(self.faults, "")

    def open_blob(
        self, reference: Reference, blob: Descriptor, *, offset: int, deadline: Deadline
    ) -> "Stream":
        fault = self._fault()
        start = 0 if fault == "ignored" else offset
        return self._answer(fault, self.content[start:], start)

    def open_part(
        self, reference: Reference, blob: Descriptor, part: Part, *, deadline: Deadline
    ) -> "Stream | None":
        fault = self._fault()
        if fault == "ignored":
            return None
        return self._answer(fault, self.content[part.start : part.end], part.start)

    def _answer(self, fault: str, content: bytes, start: int) -> "Stream":
        if fault == "down":
            raise RegistryUnavailable("down")
        if fault == "denied":
            raise AccessDenied("denied")
        if fault == "limited":
            raise RateLimited("limited", source="registry")
        if fault == "other size":
            raise DigestMismatch("other size")
        if fault == "corrupt" and content:
            content = content[:-1] + bytes([content[-1] ^ 1])
        if fault in {"cut", "broken"}:
            content = content[: len(content) // 2]
        return Stream(self, content, start, breaks=fault == "broken")

    def hand_out(self, count: int) -> None:
        assert self.proof is not None
        with self.lock:
            self.handed_out += count
            self.most_ahead = max(self.most_ahead, self.handed_out - self.proof.bytes)


class Stream:
    def __init__(self, store: Store, content: bytes, start: int, *, breaks: bool) -> None:
        self.start = start
        self._store = store
        self._content = content
        self._breaks = breaks

    def read(self, size: int) -> bytes:
        piece, self._content = self._content[:size], self._content[size:]
        if not piece and size and self._breaks:
            raise RegistryUnavailable("broken")
        self._store.hand_out(len(piece))
        return piece

    def abort(self) -> None:
        self._content = b""

    def __enter__(self) -> Self:
        with self._store.lock:
            self._store.open += 1
            self._store.most_open = max(self._store.most_open, self._store.open)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._store.lock:
            self._store.open -= 1


def proof_of(store: Store, window: Window) -> Proof:
    store.proof = Proof(store, IMAGE, layer_of(store.content), window=window)
    return store.proof


def threads_of_ranges() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("range")]


WINDOWS = st.builds(
    Window,
    least=st.just(0),
    length=st.integers(20_000, 300_000),
    rooms=st.integers(1, 4),
    connections=st.integers(1, 6),
)
FAULTS = ("", "ignored", "down", "denied", "limited", "other size", "corrupt", "cut", "broken")


@settings(deadline=None, max_examples=200)
@given(
    size=st.integers(0, 1_000_000),
    window=WINDOWS,
    faults=st.lists(st.sampled_from(FAULTS), max_size=12),
)
def test_whatever_goes_wrong_the_proof_is_right_or_fails(
    size: int, window: Window, faults: list[str]
) -> None:
    store = Store(hashlib.shake_256(b"seed").digest(size), iter(faults))
    proof = proof_of(store, window)

    is_spoiled = False
    try:
        proof.run(Deadline.after(20))
    except TransshipError:
        is_spoiled = True
    assert set(faults) - {""} if is_spoiled else proof.bytes == size
    assert store.open == 0
    assert store.most_open <= window.connections
    assert threads_of_ranges() == []


@settings(deadline=None, max_examples=100)
@given(size=st.integers(0, 1_000_000), window=WINDOWS)
def test_no_more_than_the_window_is_ahead_of_the_hash(size: int, window: Window) -> None:
    store = Store(hashlib.shake_256(b"seed").digest(size), iter([]))
    proof = proof_of(store, window)

    proof.run(Deadline.after(20))

    assert proof.ranged == proof.bytes == size
    assert store.most_ahead <= window.rooms * window.length


def test_a_proof_that_was_cancelled_before_it_began_asks_for_nothing() -> None:
    store = Store(bytes(100_000), iter([]))
    proof = proof_of(store, Window(least=0, length=10_000))
    proof.cancel()

    with pytest.raises(RegistryUnavailable, match="not wanted"):
        proof.run(Deadline.after(20))
    assert store.handed_out == 0


def test_a_limit_is_not_answered_with_another_request() -> None:
    store = Store(bytes(100_000), iter(["", "limited"]))
    proof = proof_of(store, Window(least=0, length=60_000))

    with pytest.raises(RateLimited):
        proof.run(Deadline.after(20))
    assert proof.bytes == 60_000
