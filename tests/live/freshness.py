"""L2: what a remote repository keeps, for how long it believes a tag, and when it asks again.

https://docs.cloud.google.com/artifact-registry/docs/repositories/remote-overview
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.live.experiment import (
    AFTER_THE_WINDOW,
    UNTIL_LOGGED,
    Bench,
    Cost,
    Experiment,
    Failure,
    Step,
    tiny,
    tiny_index,
)
from tests.live.registry import digest_of
from tests.live.world import Mirror

_REMOTE = "a remote repository of Docker Hub"
_VERBS = ("GET", "HEAD")
_LOOK = timedelta(minutes=5)
# An hour and a half of looks.
_LOOKS = 18


def _prime_window(bench: Bench) -> None:
    """A tag for each verb; what they point to shares nothing, so that neither fills the other."""
    cloud, mirror = bench.cloud, bench.ground.mirror()
    for number, verb in enumerate(_VERBS):
        tag = f"window-{verb.lower()}"
        cloud.hub.push(cloud.probe, tag, tiny(101 + number))
        mirror.registry.manifest(cloud.probe, tag, method=verb)
    name = f"{mirror.package(cloud.probe)}/tags/window-head"
    held = bench.said(f"GetTag {name}", lambda: cloud.artifacts.get_tag(name=name))
    bench.answer("U4", head_fills=not isinstance(held, Failure))
    for number, verb in enumerate(_VERBS):
        bench.notes[verb] = cloud.hub.push(
            cloud.probe, f"window-{verb.lower()}", tiny(111 + number)
        )
    bench.mark("moved")


def _look(bench: Bench) -> bool:
    """Whether both verbs have shown the new digest by now."""
    cloud, mirror = bench.cloud, bench.ground.mirror()
    shown: dict[str, float] = bench.notes.setdefault("shown", {})
    waited = (cloud.now() - bench.moment("moved")).total_seconds()
    for verb in _VERBS:
        if verb in shown:
            continue
        seen = digest_of(
            mirror.registry.manifest(cloud.probe, f"window-{verb.lower()}", method=verb)
        )
        if seen == bench.notes[verb]:
            shown[verb] = waited
        else:
            # A run that is taken up late looks late: the truth lies between the two.
            bench.answer("U4", **{f"{verb.lower()}_shows_the_old_after": round(waited)})
    bench.answer(
        "U4", **{f"{verb.lower()}_shows_a_move_after": round(shown[verb]) for verb in shown}
    )
    return len(shown) == len(_VERBS)


def _get_index(bench: Bench) -> None:
    cloud, mirror = bench.cloud, bench.ground.mirror()
    both = tiny_index(121)
    cloud.hub.push(cloud.probe, "index", both)
    mirror.registry.manifest(cloud.probe, "index")
    bench.notes["children"] = [child.digest for child in both.children]
    bench.notes["index"] = both.digest


def _index_children(bench: Bench) -> None:
    held = versions(bench, bench.ground.mirror(), bench.cloud.probe)
    stored = [digest for digest in bench.notes["children"] if digest in held]
    bench.answer(
        "U5",
        index_stored=bench.notes["index"] in held,
        children_stored=len(stored),
        children=len(bench.notes["children"]),
    )


def versions(bench: Bench, mirror: Mirror, image: str) -> dict[str, Any]:
    """Digest to version, of those that are stored."""
    parent = mirror.package(image)
    listed = bench.said(
        f"ListVersions {parent}", lambda: list(bench.cloud.artifacts.list_versions(parent=parent))
    )
    return (
        {}
        if isinstance(listed, Failure)
        else {each.name.rpartition("/")[2]: each for each in listed}
    )


def _prime_deletion(bench: Bench) -> None:
    cloud, mirror = bench.cloud, bench.ground.mirror()
    cloud.hub.push(cloud.probe, "deleted", tiny(131))
    mirror.registry.pull(cloud.probe, "deleted")
    bench.notes["new"] = cloud.hub.push(cloud.probe, "deleted", tiny(132))
    name = f"{mirror.package(cloud.probe)}/tags/deleted"
    bench.said(f"DeleteTag {name}", lambda: cloud.artifacts.delete_tag(name=name))
    answer = mirror.registry.manifest(cloud.probe, "deleted")
    bench.answer(
        "U9",
        status_after_the_tag_was_deleted=answer.status,
        deleting_the_tag_refetches=digest_of(answer) == bench.notes["new"],
    )


def _delete_version(bench: Bench) -> None:
    cloud, mirror = bench.cloud, bench.ground.mirror()
    digest = digest_of(mirror.registry.manifest(cloud.probe, "deleted"))
    said = delete_version(bench, mirror, cloud.probe, digest)
    answer = mirror.registry.pull(cloud.probe, "deleted")
    bench.answer(
        "U9",
        version_deleted=said,
        status_after_the_version_was_deleted=answer.status,
        deleting_the_version_refetches=digest_of(answer) == bench.notes["new"],
    )


def delete_version(bench: Bench, mirror: Mirror, image: str, digest: str) -> bool:
    """With the tags that point to it; whether the API did so."""
    name = f"{mirror.package(image)}/versions/{digest}"

    def delete() -> Any:
        request = {"name": name, "force": True}
        return bench.cloud.artifacts.delete_version(request=request).result(timeout=120)

    return not isinstance(bench.said(f"DeleteVersion {name}", delete), Failure)


def _at(tag: str, seed: int, note: str) -> Callable[[Bench], None]:
    """Let the tag point to *seed*'s image, pull it, and note the times of the first image."""

    def run(bench: Bench) -> None:
        cloud, mirror = bench.cloud, bench.ground.mirror()
        digest = cloud.hub.push(cloud.probe, tag, tiny(seed))
        bench.notes.setdefault("first", digest)
        served = digest_of(mirror.registry.pull(cloud.probe, tag))
        bench.answer("U34", **{note: _times(bench, mirror) | {"moved": served == digest}})

    return run


def _times(bench: Bench, mirror: Mirror) -> dict[str, str]:
    held = versions(bench, mirror, bench.cloud.probe).get(bench.notes["first"])
    if held is None:
        return {"created": "not stored"}
    return {"created": held.create_time.isoformat(), "updated": held.update_time.isoformat()}


def _times_after_deletion(bench: Bench) -> None:
    cloud, mirror = bench.cloud, bench.ground.mirror()
    said = delete_version(bench, mirror, cloud.probe, bench.notes["first"])
    mirror.registry.pull(cloud.probe, bench.notes["first"])
    times = _times(bench, mirror) | {"deleted": said}
    before = bench.answers["U34"]
    bench.answer(
        "U34",
        recached=times,
        create_time_is_of_the_first_caching=before["back"]["created"] == before["first"]["created"],
    )


EXPERIMENTS = (
    Experiment(
        name="tag-window",
        bundle="L2",
        questions={"U4": "How long is a tag believed, for GET and for HEAD; does HEAD fill?"},
        creates=(_REMOTE,),
        cost=Cost.CENTS,
        steps=(Step(run=_prime_window), Step(run=_look, every=_LOOK, times=_LOOKS)),
    ),
    Experiment(
        name="index-children",
        bundle="L2",
        questions={"U5": "What does a GET of an index store beside it?"},
        creates=(_REMOTE,),
        cost=Cost.CENTS,
        steps=(Step(run=_get_index), Step(run=_index_children, after=UNTIL_LOGGED)),
    ),
    Experiment(
        name="deletion",
        bundle="L2",
        questions={"U9": "Is a deleted tag or version asked for again within the window?"},
        creates=(_REMOTE,),
        cost=Cost.CENTS,
        steps=(Step(run=_prime_deletion), Step(run=_delete_version)),
    ),
    Experiment(
        name="create-times",
        bundle="L2",
        questions={"U34": "What is a version's create time on a remote repository?"},
        creates=(_REMOTE,),
        cost=Cost.CENTS,
        steps=(
            Step(run=_at("times", 141, "first")),
            Step(run=_at("times", 142, "away"), after=AFTER_THE_WINDOW),
            Step(run=_at("times", 141, "back"), after=AFTER_THE_WINDOW),
            Step(run=_times_after_deletion),
        ),
    ),
)
