"""Many tags are looked at side by side: in order, within bounds, and politely."""

import threading
from datetime import timedelta

from tests.unit.nouns import INDEX, NOON
from transship.errors import AccessDenied, ImageNotFound, RateLimited, RegistryUnavailable
from transship.looking import Look, look_at
from transship.model.fetched import Head
from transship.model.reference import Reference, parse_reference
from transship.throttle import Pauses, Throttle

HEAD = Head(digest=INDEX, media_type="application/vnd.oci.image.index.v1+json")


def tags(count: int, registry: str = "docker.io") -> list[Reference]:
    return [parse_reference(f"{registry}/team/app-{number}:1") for number in range(count)]


class Registry:
    """Answers by name, and counts how many ask at a time."""

    def __init__(self, errors: dict[str, Exception] | None = None) -> None:
        self.errors = errors or {}
        self.asked: list[str] = []
        self.most = 0
        self._inside = 0
        self._lock = threading.Lock()

    def head(self, tag: Reference) -> Head:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
            self.asked.append(str(tag))
        try:
            error = self.errors.get(tag.repository)
            if error:
                raise error
            return HEAD
        finally:
            with self._lock:
                self._inside -= 1


def looks(registry: Registry, asked: list[Reference], pauses: Pauses | None = None) -> list[Look]:
    return [
        *look_at(
            asked,
            registry.head,
            throttle=Throttle(0),
            pauses=pauses or Pauses(),
            now=lambda: NOON,
        )
    ]


def test_every_tag_is_asked_once_and_told_in_order() -> None:
    registry, asked = Registry(), tags(500)

    found = looks(registry, asked)

    assert [look.tag for look in found] == asked
    assert sorted(registry.asked) == sorted(map(str, asked))
    assert registry.most <= 32


def test_errors_are_told_of_the_tag_that_has_them() -> None:
    gone, down, private = ImageNotFound("x"), RegistryUnavailable("x"), AccessDenied("x")
    registry = Registry({"team/app-1": gone, "team/app-2": down, "team/app-3": private})

    found = looks(registry, tags(5))

    assert [look.error for look in found] == [None, None, down, private, None]
    assert [look.is_gone for look in found] == [False, True, False, False, False]


def test_a_paused_registry_is_not_asked_and_another_one_is() -> None:
    registry, pauses = Registry(), Pauses()
    limited = RateLimited("429", source="docker.io", retry_at=NOON + timedelta(hours=1))
    pauses.note(limited, NOON)

    found = looks(registry, [*tags(3), *tags(3, "ghcr.io")], pauses)

    assert [isinstance(look.error, RateLimited) for look in found] == [True] * 3 + [False] * 3
    assert all(name.startswith("ghcr.io/") for name in registry.asked)


def test_whoever_stops_taking_them_stops_the_asking() -> None:
    registry = Registry()
    found = look_at(
        tags(10_000), registry.head, throttle=Throttle(0), pauses=Pauses(), now=lambda: NOON
    )
    next(found)
    found.close()

    assert len(registry.asked) <= 64
