"""A service of several containers, seen as the service of one of them.

The container that serves requests has the plain annotations; each other one has its own, with its
name behind a dot: ``transship.dev/tracks.helper``. Seen through a focus, a container's annotations
are the plain ones and its image is the image, so that whoever decides need not know of the others.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from transship.errors import InvalidReference, Refused
from transship.model.marks import TRACKED_LABEL, Marks
from transship.model.naming import tracking_label
from transship.model.record import CAUSE_KEY, LINEAGE_KEYS, PREFIX, TRACKS_KEY
from transship.model.reference import parse_reference
from transship.model.service import Revision, Service

_OWN = LINEAGE_KEYS | {TRACKS_KEY, f"{PREFIX}tracked", f"{PREFIX}why"}


def key_of(key: str, container: str) -> str:
    """Where *container* has *key*; what is the whole service's has one place.

    >>> key_of("transship.dev/tracks", "helper"), key_of("transship.dev/traffic", "helper")
    ('transship.dev/tracks.helper', 'transship.dev/traffic')
    """
    return f"{key}.{container}" if container and key in _OWN else key


def is_of(key: str, container: str) -> bool:
    """An annotation of ours, and *container*'s own or, where that is the serving one, plain."""
    return key.startswith(PREFIX) and key.removeprefix(PREFIX).partition(".")[2] == container


def placed(marks: Marks, container: str) -> Marks:
    """*marks* that were decided through the focus on *container*, as they stand on the service."""
    annotations = {key_of(key, container): value for key, value in marks.annotations.items()}
    return replace(marks, annotations=annotations)


def view(annotations: Mapping[str, str], container: str) -> dict[str, str]:
    """What *container* calls its own, under the plain keys; the serving one's end in a dot."""
    if not container:
        return dict(annotations)
    others = {f"{key}." if key in _OWN else key: value for key, value in annotations.items()}
    own = {key: annotations[name] for key in _OWN if (name := f"{key}.{container}") in annotations}
    return {**others, **own}


def focus(service: Service, container: str) -> Service:
    """*service* as the one of *container*, as it was read; the serving one's name is as good as
    none. Raises Refused where there is no such container.
    """
    names = [each.name for each in service.containers]
    if not container or names[:1] == [container]:
        # The serving one, or the one in focus already.
        return service
    if container not in names:
        known = ", ".join(filter(None, names)) or "none, as there is only one"
        raise Refused("container", f"no container is named {container!r}; right is one of {known}")
    ordered = sorted(service.containers, key=lambda each: each.name != container)
    return replace(
        service,
        container=container,
        containers=tuple(ordered),
        annotations=view(service.annotations, container),
        template_annotations=view(service.template_annotations, container),
    )


def seen_by(service: Service, container: str) -> Service:
    """The same of a container that may have gone meanwhile."""
    return focus(service, container if container in {c.name for c in service.containers} else "")


def focus_revision(revision: Revision, container: str) -> Revision:
    return replace(revision, annotations=view(revision.annotations, container))


def followers_in(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """The containers that track a tag, the serving one as the empty name; it alone where none do,
    so that somebody misses its tracking.
    """
    others = sorted(name for _, name in _tracks(annotations) if name)
    return ("", *others) if TRACKS_KEY in annotations or not others else tuple(others)


def is_cause(annotations: Mapping[str, str], event_id: str) -> bool:
    """The event is behind one of the containers."""
    return any(
        value == event_id
        for key, value in annotations.items()
        if key == CAUSE_KEY or key.startswith(f"{CAUSE_KEY}.")
    )


def caused_by(revisions: Sequence[Revision], event_id: str) -> Revision | None:
    """The revision that the event made, among *revisions*, newest first.

    Whoever deploys by another way afterwards takes the template's annotations along, so the oldest
    is the one.
    """
    return next((r for r in reversed(revisions) if is_cause(r.annotations, event_id)), None)


def needed_beside(annotations: Mapping[str, str], container: str) -> frozenset[str]:
    """The labels by which the other containers are found; *annotations* are seen by *container*."""
    others = [text for text, name in _tracks(annotations) if name not in {"", container}]
    others += [annotations[f"{TRACKS_KEY}."]] if f"{TRACKS_KEY}." in annotations else []
    return frozenset(label for text in others for label in _labels(text))


def free_labels(service: Service) -> list[str]:
    """Those that the container through whose eyes it is seen may take away."""
    needed = needed_beside(service.annotations, service.container)
    return [label for label in service.labels if label not in needed]


def _tracks(annotations: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for key, text in annotations.items():
        plain, _, name = key.removeprefix(PREFIX).partition(".")
        if f"{PREFIX}{plain}" == TRACKS_KEY:
            yield text, name


def _labels(text: str) -> set[str]:
    try:
        return {tracking_label(parse_reference(text).name), TRACKED_LABEL}
    except InvalidReference:
        return set()
