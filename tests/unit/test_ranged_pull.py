"""A huge layer that the mirror has held for long comes in ranges, and in no more than it may."""

import threading

from tests.unit.ranged import (
    LAYER,
    LENGTH,
    WINDOW,
    Held,
    asked_for,
    first_byte,
    image,
    instead,
    pulled_from,
)
from tests.unit.scripted_registry import (
    CDN,
    HUB,
    STATIC_SITE,
    Asked,
    Reply,
    Respond,
    client_of,
    digest_of,
    part_of,
    random_bytes,
    scripted,
    soon,
)
from transship.model.platform import CLOUD_RUN
from transship.pull import Pulled, pull
from transship.ranges import Ranges

PARTS = 24


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
