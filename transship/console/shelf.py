"""What the mirror holds, a page at a time, and whether its tags say what the upstream says."""

from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from transship.config import Config
from transship.console import looks
from transship.console.ports import Held, Parts
from transship.console.states import Mood, Sign
from transship.looking import Look
from transship.model.digest import Digest
from transship.model.mirror import Mirror
from transship.model.reference import Reference

# Each tag that is shown costs a request upstream, once a minute at the most.
PAGE = 25
_READ = 2_000
_KEPT = 15.0


class Stored(Struct, frozen=True, kw_only=True):
    """*tag* of the mirror, beside what it means at the *upstream*."""

    held: Held
    tag: Reference
    upstream: Digest | None
    sign: Sign


class Shelf(Struct, frozen=True, kw_only=True):
    """*more*: there are further pages; *cut*: more than anybody pages through."""

    stored: tuple[Stored, ...]
    count: int
    cut: bool
    page: int

    @property
    def more(self) -> bool:
        return self.count > PAGE * self.page

    @property
    def behind(self) -> int:
        return sum(each.sign.mood is Mood.MOVING for each in self.stored)


def shelf(config: Config, parts: Parts, *, page: int) -> Shelf:
    found, cut = parts.kept.get("contents", lambda: _read(config, parts), seconds=_KEPT)
    shown = found[PAGE * (page - 1) : PAGE * page]
    tags = [(held, _tagged(held, tag)) for held, tag in shown]
    seen = looks.looks(parts, {tag: None for _, tag in tags})
    return Shelf(
        stored=tuple(_stored(held, tag, seen[tag]) for held, tag in tags),
        count=len(found),
        cut=cut,
        page=page,
    )


def _read(config: Config, parts: Parts) -> tuple[list[tuple[Held, str]], bool]:
    """Sorted by name. The children of indexes have no tag and are not shown."""
    found = [
        (held, tag)
        for mirror in config.mirrors.mirrors
        for held in _tagged_only(parts.contents.held(mirror), mirror)
        for tag in held.tags
    ]
    cut = len(found) > _READ
    return sorted(found[:_READ], key=lambda each: (each[0].image.name, each[1])), cut


def _tagged_only(held: Iterator[Held], _mirror: Mirror) -> Iterator[Held]:
    return islice((each for each in held if each.tags), _READ + 1)


def _tagged(held: Held, tag: str) -> Reference:
    image = held.image
    return Reference(registry=image.registry, repository=image.repository, tag=tag)


def _stored(held: Held, tag: Reference, look: Look) -> Stored:
    upstream = look.head.digest if look.head else None
    return Stored(held=held, tag=tag, upstream=upstream, sign=_sign(held, look, upstream))


def _sign(held: Held, look: Look, upstream: Digest | None) -> Sign:
    if look.is_gone:
        return Sign(mood=Mood.BAD, text="gone upstream")
    if upstream is None:
        return Sign(mood=Mood.UNKNOWN, text="upstream silent")
    if upstream == held.image.digest:
        return Sign(mood=Mood.GOOD, text="as upstream")
    return Sign(mood=Mood.MOVING, text="behind")
