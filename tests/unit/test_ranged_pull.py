"""Pulls of images with a huge layer that the mirror holds, against a registry on a socket."""

import threading
from collections.abc import Callable

import pytest

from tests.unit.scripted_registry import (
    CDN,
    HUB,
    STATIC_SITE,
    Asked,
    Contents,
    Reply,
    Respond,
    ScriptedRegistry,
    client_of,
    digest_of,
    error,
    part_of,
    random_bytes,
    scripted,
    soon,
)
from transship.clients.transport import Timeouts
from transship.deadline import Deadline
from transship.errors import (
    DigestMismatch,
    ImageNotFound,
    RateLimited,
    RegistryUnavailable,
)
from transship.model.digest import Digest
from transship.model.platform import CLOUD_RUN
from transship.model.ranges import Window
from transship.model.reference import Reference
from transship.pull import Pulled, pull
from transship.ranges import Ranges

LENGTH = 100_000
WINDOW = Window(least=1_000_000, length=LENGTH, rooms=3, connections=5)
LAYER = random_bytes(2_345_678, 1)
PARTS = 24
NAME = str(digest_of(LAYER))


class Held:
    def __init__(self, is_held: bool = True) -> None:
        self.is_held = is_held
        self.asked: list[Reference] = []

    def __call__(self, image: Reference) -> bool:
        self.asked.append(image)
        return self.is_held


def image(*layers: bytes) -> tuple[Contents, Digest]:
    contents = Contents()
    child = contents.add_image(list(layers))
    contents.add_index({"linux/amd64": child}, "latest")
    return contents, child


def pulled_from(
    registry: ScriptedRegistry,
    held: Held | None = None,
    deadline: Deadline | None = None,
    read_timeout: float = 5.0,
) -> Pulled:
    client = client_of(registry, timeouts=Timeouts(read=read_timeout))
    ranges = Ranges(is_held=held or Held(), window=WINDOW)
    try:
        return pull(client, STATIC_SITE, CLOUD_RUN, deadline=deadline or soon(), ranges=ranges)
    finally:
        client.close()
        names = [thread.name for thread in threading.enumerate()]
        assert not [name for name in names if name.startswith(("range", "pull"))]


def instead(layer: bytes, reply: Respond) -> Respond:
    """*reply* answers for *layer*, and a registry that has it for everything else."""
    contents, _ = image(layer)
    name = str(digest_of(layer))
    return lambda asked: reply(asked) if asked.path.endswith(name) else contents(asked)


def asked_for(registry: ScriptedRegistry, layer: bytes = LAYER) -> list[str]:
    """The ranges, in the order in which they were asked for; nothing where there is none."""
    name = str(digest_of(layer))
    return [asked.headers.get("range", "") for asked in registry.asked if asked.path.endswith(name)]


def first_byte(asked: Asked) -> int:
    return int(asked.headers["range"].removeprefix("bytes=").partition("-")[0])


def test_a_huge_layer_that_is_held_comes_in_ranges() -> None:
    contents, child = image(LAYER, b"small")
    held = Held()
    with scripted(contents) as registry:
        pulled = pulled_from(registry, held)
    assert pulled.ranged == len(LAYER)
    assert pulled.bytes > len(LAYER)
    ranges = asked_for(registry)
    assert len(set(ranges)) == len(ranges) == PARTS
    assert ranges[0] == f"bytes=0-{LENGTH - 1}"
    assert asked_for(registry, b"small") == [""]
    assert held.asked == [STATIC_SITE.pin(child)]


def test_a_huge_layer_that_is_not_held_is_read_by_one_connection() -> None:
    contents, _ = image(LAYER)
    with scripted(contents) as registry:
        pulled = pulled_from(registry, Held(is_held=False))
    assert pulled.ranged == 0
    assert asked_for(registry) == [""]


def test_an_image_without_a_huge_layer_costs_no_question() -> None:
    contents, _ = image(LAYER[: WINDOW.least - 1])
    held = Held()
    with scripted(contents) as registry:
        pulled_from(registry, held)
    assert held.asked == []


def test_no_more_connections_than_those_of_the_window_and_of_the_others() -> None:
    """Three huge layers and many small ones; the huge ones come one after another."""
    huge = [LAYER[number:] for number in range(3)]
    contents, _ = image(*huge, *[random_bytes(5000, seed) for seed in range(20)])
    with scripted(contents) as registry:
        pulled = pulled_from(registry)
    assert pulled.ranged == sum(len(layer) for layer in huge)
    assert len({asked.port for asked in registry.asked}) <= WINDOW.connections + 4
    at = {str(digest_of(layer)): number for number, layer in enumerate(huge)}
    order = [at[name] for asked in registry.asked if (name := asked.path.rsplit("/", 1)[1]) in at]
    assert order == sorted(order)


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


def test_each_range_asks_the_registry_and_no_credential_goes_elsewhere() -> None:
    def respond(asked: Asked) -> Reply:
        if asked.path == "/token":
            return Reply(body=b'{"token": "t"}')
        if asked.host == HUB and "authorization" not in asked.headers:
            challenge = 'Bearer realm="https://auth.docker.io/token",service="registry"'
            return Reply(status=401, headers=[("WWW-Authenticate", challenge)])
        if "/blobs/" in asked.path and asked.host == HUB:
            return Reply(status=307, headers=[("Location", f"https://{CDN}{asked.path}?signed")])
        return contents(asked)

    contents, _ = image(LAYER)
    with scripted(respond) as registry:
        pulled = pulled_from(registry)
    assert pulled.ranged == len(LAYER)
    redirected = [asked for asked in registry.asked if asked.host == CDN]
    assert len([asked for asked in redirected if "range" in asked.headers]) == PARTS
    assert not any("authorization" in asked.headers for asked in redirected)
    assert len([asked for asked in registry.asked if asked.host == HUB]) >= PARTS


def test_a_slow_range_makes_the_others_wait_with_no_more_than_the_window() -> None:
    slow = threading.Event()
    begun: set[int] = set()

    def reply(asked: Asked) -> Reply:
        whole = part_of(LAYER, asked)
        at = first_byte(asked)
        begun.add(at)
        is_slow = at == 2 * LENGTH
        if len(begun) == 2 + WINDOW.connections:
            slow.set()  # all that may be asked for while the third is not there
        return Reply(
            status=206, headers=whole.headers, body=whole.body, hold=slow if is_slow else None
        )

    with scripted(instead(LAYER, reply)) as registry:
        pulled = pulled_from(registry)
    assert pulled.ranged == len(LAYER)


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


def test_who_finds_another_layer_in_ranges_reads_by_one_connection() -> None:
    """A window is large: there is one in a process, whatever it pulls."""
    held_up, begun = threading.Event(), threading.Event()

    def reply(asked: Asked) -> Reply:
        whole = part_of(LAYER, asked)
        if first_byte(asked) == LENGTH:
            begun.set()
            return Reply(status=206, headers=whole.headers, body=whole.body, hold=held_up)
        return whole

    other = LAYER[1:]
    with scripted(instead(LAYER, reply)) as first, scripted(instead(other, whole_of(other))) as two:
        client = client_of(first)
        results: list[Pulled] = []
        thread = threading.Thread(
            target=lambda: results.append(
                pull(
                    client,
                    STATIC_SITE,
                    CLOUD_RUN,
                    deadline=soon(),
                    ranges=Ranges(is_held=Held(), window=WINDOW),
                )
            )
        )
        thread.start()
        assert begun.wait(20)
        second = client_of(two)
        ranges = Ranges(is_held=Held(), window=WINDOW)
        pulled = pull(second, STATIC_SITE, CLOUD_RUN, deadline=soon(), ranges=ranges)
        held_up.set()
        thread.join(20)
        client.close()
        second.close()
    assert pulled.ranged == 0
    assert results[0].ranged == len(LAYER)


def whole_of(content: bytes) -> Respond:
    return lambda asked: part_of(content, asked)
