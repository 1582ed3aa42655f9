"""Who gets which share of a service's requests, and whether that is as somebody set it by hand.

https://docs.cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration. A revision tag gives a
revision a URL of its own; tag and service name have at most 46 characters together
(https://github.com/firebase/firebase-tools/issues/6137).
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from transship.model.record import PREFIX

# What we set last, as `public_text` writes it: traffic that is neither this nor LATEST 100 is an
# operator's.
TRAFFIC_KEY = f"{PREFIX}traffic"

ALL = 100
# While a rollout is under way: the candidate, and the revision that it is to replace.
NEXT_TAG, PREVIOUS_TAG = "next", "prev"
OWN_TAGS = frozenset({NEXT_TAG, PREVIOUS_TAG})
TAG_AND_SERVICE_LIMIT = 46

LATEST = "LATEST"


class Share(Struct, frozen=True, kw_only=True):
    """A part of the traffic; *revision* is the short name, None means the latest ready one.

    *uri* is where *tag* is reached; only what is true has one.
    """

    percent: int
    revision: str | None = None
    tag: str = ""
    uri: str = ""


def public_text(shares: Iterable[Share], *, latest: str = LATEST) -> str:
    """The shares that are more than nothing, in an order of its own; *latest* by that name.

    >>> public_text([Share(percent=100), Share(percent=0, revision="web-1", tag="mine")])
    'LATEST=100'
    """
    public = [share for share in shares if share.percent]
    return ",".join(sorted(f"{share.revision or latest}={share.percent}" for share in public))


def is_operators(asked: Iterable[Share], annotations: Mapping[str, str]) -> bool:
    """Neither all to the latest revision nor what *annotations* say we set."""
    to_all = f"{LATEST}={ALL}"
    return (public_text(asked) or to_all) not in {to_all, annotations.get(TRAFFIC_KEY)}


def to_latest(shares: Iterable[Share]) -> tuple[Share, ...]:
    """Everything to the latest ready revision; users' tags stay where they are."""
    return (Share(percent=ALL), *users_tags(shares))


def to_revision(revision: str, shares: Iterable[Share], *ours: Share) -> tuple[Share, ...]:
    """Everything to *revision*; *ours* are our own tags, users' stay where they are."""
    return (Share(percent=ALL, revision=revision), *ours, *users_tags(shares))


def users_tags(shares: Iterable[Share]) -> tuple[Share, ...]:
    """Each as a target of its own, that gets no share."""
    return tuple(
        Share(percent=0, revision=share.revision, tag=share.tag)
        for share in shares
        if share.tag and share.tag not in OWN_TAGS
    )


def without_own_tags(shares: Iterable[Share]) -> tuple[Share, ...]:
    """The shares as they are, and of the tags only the users'."""
    return tuple(
        Share(
            percent=share.percent,
            revision=share.revision,
            tag="" if share.tag in OWN_TAGS else share.tag,
        )
        for share in shares
        if share.percent or share.tag not in OWN_TAGS
    )


def own_tags(service: str, *, following: str, previous: str) -> tuple[Share, ...]:
    """None where the service's name leaves no room for them: then no revision can be looked at."""
    longest = max(map(len, OWN_TAGS))
    if len(service) + longest > TAG_AND_SERVICE_LIMIT:
        return ()
    return (
        Share(percent=0, revision=following, tag=NEXT_TAG),
        Share(percent=0, revision=previous, tag=PREVIOUS_TAG),
    )
