"""An image that somebody is about to deploy: its tags, and what would run, seen beforehand.

Tags and digests come from the upstream and cost nothing. Port, platform and size stand in manifest
and config, which are read through the mirror by digest: what the mirror has costs nothing either,
and what it has not is what the deploy would fetch next.
"""

from msgspec import Struct
from msgspec.structs import replace

from transship.config import Config
from transship.console import looks
from transship.console.ports import Parts
from transship.deadline import Deadline
from transship.errors import PermanentError, TransshipError
from transship.model.digest import Digest
from transship.model.fetched import Head
from transship.model.manifest import INDEXES
from transship.model.policy import admit_image
from transship.model.reference import Reference, parse_reference
from transship.pull import Limits, Shape, survey

_SECONDS = 10.0
_TAGS = 100
_KEPT_TAGS = 60.0
# A digest cannot move.
_KEPT_SHAPE = 3600.0


class Picked(Struct, frozen=True, kw_only=True):
    """*problem* says why it cannot be deployed, *unseen* why no more is known of it."""

    image: Reference
    digest: Digest | None = None
    is_index: bool = False
    shape: Shape | None = None
    problem: str = ""
    unseen: str = ""


def reference(config: Config, text: str) -> Reference:
    """What is meant, at the upstream. Raises InvalidReference."""
    return config.mirrors.upstream_of(parse_reference(text.strip()))


def tags(config: Config, parts: Parts, image: Reference, *, beginning: str = "") -> list[str]:
    """Up to a hundred, those that begin so. Raises what the registry raises, and Refused.

    A registry lists in the alphabet's order, so a beginning is a place to start from.
    """
    admit_image(config.policy, image)
    config.mirrors.for_upstream(image)

    def ask() -> list[str]:
        # Just before *beginning*, in bytes as registries sort.
        after = beginning[:-1] + chr(ord(beginning[-1]) - 1) + "~" if beginning else ""
        return parts.registry.tags(
            image, after=after, limit=_TAGS, deadline=Deadline.after(_SECONDS)
        )

    found = parts.kept.get(("tags", image.name, beginning), ask, seconds=_KEPT_TAGS)
    return [tag for tag in found if tag.startswith(beginning)][:_TAGS]


def pick(config: Config, parts: Parts, image: Reference, *, spend: bool) -> Picked:
    """Nothing is raised: what cannot be known is said.

    *spend*: a pull may be spent on it, as by somebody who is about to deploy it.
    """
    try:
        admit_image(config.policy, image)
        mirror = config.mirrors.for_upstream(image)
    except PermanentError as error:
        return Picked(image=image, problem=str(error))
    seen = looks.look(parts, image)
    if seen.is_gone:
        return Picked(
            image=image,
            problem=f"{image.name} has no {image.identifier} upstream, or is not there, or private",
        )
    if isinstance(seen.error, PermanentError):
        return Picked(image=image, problem=str(seen.error))
    if seen.head is None:
        return Picked(image=image, unseen=str(seen.error))
    picked = Picked(image=image, digest=seen.head.digest, is_index=seen.head.media_type in INDEXES)
    if saved := _saved(config, seen.head, spend=spend):
        return replace(picked, unseen=saved)
    return _surveyed(config, parts, picked, mirror.serving(image).pin(seen.head.digest).untagged())


def _saved(config: Config, head: Head, *, spend: bool) -> str:
    """Why no pull is spent; empty where one may be."""
    if not spend:
        return "shown to operators, since it may cost a pull"
    left = head.rate_limit.remaining if head.rate_limit else None
    if left is not None and left < config.quota_floor:
        return f"{left} pulls are left, which are kept for deploys"
    return ""


def _surveyed(config: Config, parts: Parts, picked: Picked, there: Reference) -> Picked:
    """*there* is the image in the mirror, by digest."""

    def ask() -> Shape:
        return survey(
            parts.registry,
            there,
            config.platform,
            deadline=Deadline.after(_SECONDS),
            limits=Limits(bytes=config.max_image_bytes),
        )

    try:
        return replace(picked, shape=parts.kept.get(("shape", there), ask, seconds=_KEPT_SHAPE))
    except TransshipError as error:
        # Not kept for an hour: what is missing may be a permission.
        parts.kept.drop(("shape", there))
        if isinstance(error, PermanentError):
            return replace(picked, problem=str(error))
        return replace(picked, unseen=str(error))
