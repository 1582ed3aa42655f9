"""Ranges that are refused, cut, corrupt or late: the layer comes another way, or not at all."""

import threading
from collections.abc import Callable

import pytest

from tests.unit.ranged import (
    LAYER,
    LENGTH,
    WINDOW,
    asked_for,
    first_byte,
    image,
    instead,
    pulled_from,
)
from tests.unit.scripted_registry import (
    Asked,
    Reply,
    digest_of,
    error,
    part_of,
    scripted,
)
from transship.deadline import Deadline
from transship.errors import DigestMismatch, ImageNotFound, RateLimited, RegistryUnavailable

NAME = str(digest_of(LAYER))
ODD: dict[str, Callable[[Asked], Reply]] = {
    "the whole": lambda _: Reply(body=LAYER),
    "not satisfiable": lambda _: Reply(status=416),
    "another part": lambda asked: part(asked, f"bytes {LENGTH}-{2 * LENGTH - 1}/{len(LAYER)}"),
    "another size": lambda asked: part(asked, stated(asked, len(LAYER) + 1)),
    "no size": lambda asked: part(asked, stated(asked, "*")),
    "no content range": lambda asked: part(asked, ""),
    "a shorter part": lambda asked: part(asked, stated(asked, len(LAYER)), missing=1),
    "no such blob": lambda _: error(404, "BLOB_UNKNOWN", "blob unknown"),
    "a refusal of ranges": lambda _: error(400, "RANGE_INVALID", "no ranges here"),
    "not implemented": lambda _: error(501, "UNSUPPORTED", "no ranges here"),
}


def stated(asked: Asked, total: object) -> str:
    return f"{asked.headers['range'].replace('=', ' ')}/{total}"


def part(asked: Asked, content_range: str, missing: int = 0) -> Reply:
    """The part that was asked for, whatever it says; announced and sent without its end."""
    body = part_of(LAYER, asked).body
    headers = [("Content-Range", content_range)]
    return Reply(status=206, headers=headers, body=body[: len(body) - missing])


@pytest.mark.parametrize("odd", ODD)
def test_a_registry_without_ranges_is_read_by_one_connection(odd: str) -> None:
    def reply(asked: Asked) -> Reply:
        return ODD[odd](asked) if "range" in asked.headers else Reply(body=LAYER)

    with scripted(instead(LAYER, reply)) as registry:
        pulled = pulled_from(registry)
    assert pulled.ranged == 0
    *ranges, last = asked_for(registry)
    assert last == ""
    assert set(ranges) == {f"bytes=0-{LENGTH - 1}"}, "the first one is asked for alone"


@pytest.mark.parametrize("odd", ODD)
def test_ranges_that_end_in_the_middle_go_on_by_one_connection(odd: str) -> None:
    def reply(asked: Asked) -> Reply:
        is_range = not asked.headers["range"].endswith("-")
        if is_range and first_byte(asked) >= 5 * LENGTH:
            return ODD[odd](asked)
        return part_of(LAYER, asked)

    with scripted(instead(LAYER, reply)) as registry:
        pulled = pulled_from(registry)
    assert pulled.ranged == 5 * LENGTH
    assert asked_for(registry)[-1] == f"bytes={5 * LENGTH}-"


def test_a_range_that_is_cut_goes_on_where_it_stopped() -> None:
    cut = threading.Lock()  # taken by the first answer to the fourth range

    def reply(asked: Asked) -> Reply:
        whole = part_of(LAYER, asked)
        is_cut = first_byte(asked) == 3 * LENGTH and cut.acquire(blocking=False)
        return Reply(
            status=206,
            headers=whole.headers,
            body=whole.body,
            cut_after=12_345 if is_cut else None,
        )

    with scripted(instead(LAYER, reply)) as registry:
        pulled = pulled_from(registry)
    assert pulled.ranged == len(LAYER)
    assert f"bytes={3 * LENGTH + 12_345}-{4 * LENGTH - 1}" in asked_for(registry)


def test_ranges_that_are_always_cut_are_given_up() -> None:
    def reply(asked: Asked) -> Reply:
        whole = part_of(LAYER, asked)
        if asked.headers["range"].endswith("-"):
            return whole
        cut = len(whole.body) // 2
        return Reply(status=206, headers=whole.headers, body=whole.body, cut_after=cut)

    def begins_well(asked: Asked) -> Reply:
        return part_of(LAYER, asked) if first_byte(asked) < LENGTH else reply(asked)

    with scripted(instead(LAYER, begins_well)) as registry:
        pulled = pulled_from(registry)
    assert pulled.ranged == LENGTH
    assert asked_for(registry)[-1] == f"bytes={LENGTH}-"
    assert len(asked_for(registry)) <= 2 + 3 * WINDOW.connections


def test_the_bytes_of_a_range_that_are_not_the_layers_never_count() -> None:
    def reply(asked: Asked) -> Reply:
        whole = part_of(LAYER, asked)
        body = whole.body
        if first_byte(asked) == 7 * LENGTH:
            body = bytes([body[0] ^ 1]) + body[1:]
        return Reply(status=206, headers=whole.headers, body=body)

    with scripted(instead(LAYER, reply)) as registry, pytest.raises(DigestMismatch):
        pulled_from(registry)


def test_a_layer_of_another_size_is_a_mismatch() -> None:
    with (
        scripted(instead(LAYER, lambda asked: part_of(LAYER + b"x", asked))) as registry,
        pytest.raises(DigestMismatch, match=f"right is {len(LAYER)}"),
    ):
        pulled_from(registry)


def test_a_layer_that_is_not_there_is_not_found() -> None:
    contents, _ = image(LAYER)
    del contents.blobs[NAME]
    with scripted(contents) as registry, pytest.raises(ImageNotFound):
        pulled_from(registry)


def test_a_limit_ends_the_pull() -> None:
    def reply(asked: Asked) -> Reply:
        if first_byte(asked) < 4 * LENGTH:
            return part_of(LAYER, asked)
        return error(429, "TOOMANYREQUESTS", "later", Retry_After="60")

    with scripted(instead(LAYER, reply)) as registry, pytest.raises(RateLimited):
        pulled_from(registry)
    assert all(asked and not asked.endswith("-") for asked in asked_for(registry))
    assert len(asked_for(registry)) <= 4 + 2 * WINDOW.connections


def test_a_registry_that_goes_down_in_the_middle_is_unavailable() -> None:
    def reply(asked: Asked) -> Reply:
        if first_byte(asked) < 4 * LENGTH:
            return part_of(LAYER, asked)
        return error(503, "UNAVAILABLE", "down")

    with (
        scripted(instead(LAYER, reply)) as registry,
        pytest.raises(RegistryUnavailable, match="503"),
    ):
        pulled_from(registry)


def test_the_deadline_ends_ranges_of_which_one_drips() -> None:
    """Each byte comes in time, so that no time-out of the socket ends it."""
    stop = threading.Event()

    def reply(asked: Asked) -> Reply:
        whole = part_of(LAYER, asked)
        drip = stop if first_byte(asked) == 2 * LENGTH else None
        return Reply(status=206, headers=whole.headers, body=whole.body, drip=drip)

    with scripted(instead(LAYER, reply)) as registry:
        with pytest.raises(RegistryUnavailable, match="in the time given"):
            pulled_from(registry, deadline=Deadline.after(1))
        stop.set()


def test_the_failure_of_another_layer_ends_the_ranges() -> None:
    never, begun = threading.Event(), threading.Event()
    missing = b"missing"
    contents, _ = image(LAYER, missing)

    def respond(asked: Asked) -> Reply:
        if asked.path.endswith(str(digest_of(missing))):
            assert begun.wait(20)
            return error(404, "BLOB_UNKNOWN", "blob unknown")
        reply = contents(asked)
        if "range" in asked.headers and first_byte(asked) == 3 * LENGTH:
            begun.set()
            return Reply(status=206, headers=reply.headers, body=reply.body, hold=never)
        return reply

    with scripted(respond) as registry:
        with pytest.raises(ImageNotFound):
            pulled_from(registry)
        never.set()


def test_a_range_that_is_not_wanted_any_more_is_not_asked_for_again() -> None:
    """It is not answered at all while another one ends the ranges."""
    never, silent = threading.Event(), threading.Event()

    def reply(asked: Asked) -> Reply:
        if asked.headers["range"].endswith("-") or first_byte(asked) == 0:
            return part_of(LAYER, asked)
        if first_byte(asked) == 2 * LENGTH:
            silent.set()
            never.wait(20)
        assert silent.wait(20)
        return Reply(status=416)

    with scripted(instead(LAYER, reply)) as registry:
        pulled = pulled_from(registry, read_timeout=0.5)
        never.set()
    assert pulled.ranged == LENGTH
    asked = asked_for(registry)
    assert asked.count(f"bytes={2 * LENGTH}-{3 * LENGTH - 1}") == 1
    assert asked[-1] == f"bytes={LENGTH}-"
