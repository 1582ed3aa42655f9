"""L1: what Artifact Registry logs and publishes when a remote repository is pulled from.

https://docs.cloud.google.com/artifact-registry/docs/audit-logging and
https://docs.cloud.google.com/artifact-registry/docs/configure-notifications
"""

from collections.abc import Callable, Mapping
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
)
from tests.live.registry import digest_of
from tests.live.world import Mirror, audit_filter

_OFFICIAL = "busybox"


def _pull(step: str, seed: int | None) -> Callable[[Bench], None]:
    """Pull the tag `moving` as *step*; with a *seed* it is moved there first."""

    def run(bench: Bench) -> None:
        cloud, mirror = bench.cloud, bench.ground.mirror("audit")
        if seed is not None:
            cloud.hub.push(cloud.probe, "moving", tiny(seed))
        bench.ground.messages()
        bench.mark(f"{step}-began")
        head = mirror.registry.manifest(cloud.probe, "moving", method="HEAD")
        bench.notes[f"{step}-head"] = digest_of(head)
        bench.notes[f"{step}-digest"] = digest_of(mirror.registry.pull(cloud.probe, "moving"))

    return run


def _read(step: str) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        mirror = bench.ground.mirror("audit")
        since, until = bench.moment(f"{step}-began"), bench.cloud.now()
        found = bench.ground.entries(audit_filter(mirror), since, until)
        bench.notes[f"{step}-entries"] = found
        bench.answer("U1", **{step: [told(entry) for entry in found]})
        bench.answer(
            "U2",
            **{step: [each for each in bench.ground.messages() if mirror.repository in str(each)]},
        )
        bench.answer("U3", **{step: _successes(found, bench.cloud.probe)})
        # Whatever else names the repository: the log names and labels of platform logs.
        others = f'"{mirror.repository}" AND NOT logName:"cloudaudit.googleapis.com"'
        platform = bench.ground.entries(others, since, until)
        bench.notes[f"{step}-platform"] = platform
        bench.answer("U16", **{step: [_platform(entry) for entry in platform]})

    return run


def told(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a parser of hints reads of an entry."""
    said = entry.get("protoPayload", {})
    return {
        "log": entry.get("logName", "").rpartition("%2F")[2],
        "method": said.get("methodName"),
        "principal": said.get("authenticationInfo", {}).get("principalEmail"),
        "resource": said.get("resourceName"),
        "status": said.get("status", {}).get("code", 0),
        "url": said.get("request", {}).get("requestUrl"),
    }


def _successes(entries: list[dict[str, Any]], probe: str) -> list[dict[str, Any]]:
    """The entries of by-tag reads that succeeded: does one name the digest that was served?"""
    found = []
    for entry in entries:
        said = told(entry)
        if said["status"] == 0 and str(said["url"]).endswith(f"{probe}/manifests/moving"):
            response = entry["protoPayload"].get("response")
            names_digest = "@sha256:" in str(said["resource"])
            found.append(
                {"method": said["method"], "names_digest": names_digest, "response": response}
            )
    return found


def _platform(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "log": entry.get("logName"),
        "resource": entry.get("resource"),
        "labels": entry.get("labels"),
        "fields": sorted(entry.get("jsonPayload", {})),
    }


def _leave_idle(bench: Bench) -> None:
    cloud, mirror = bench.cloud, bench.ground.mirror()
    bench.notes["first"] = cloud.hub.push(cloud.probe, "idle", tiny(31))
    mirror.registry.pull(cloud.probe, "idle")
    bench.notes["second"] = cloud.hub.push(cloud.probe, "idle", tiny(32))
    bench.mark("left")


def _look_at_idle(bench: Bench) -> None:
    """By the API alone: a pull would be what is asked about."""
    cloud, mirror = bench.cloud, bench.ground.mirror()
    name = f"{mirror.package(cloud.probe)}/tags/idle"
    tag = bench.said(f"GetTag {name}", lambda: cloud.artifacts.get_tag(name=name))
    held = "" if isinstance(tag, Failure) else tag.version.rpartition("/")[2]
    bench.answer(
        "U1",
        refreshed_without_a_pull=held == bench.notes["second"],
        held={bench.notes["first"]: "first", bench.notes["second"]: "second"}.get(held, held),
    )


def _both_spellings(bench: Bench) -> None:
    cloud, mirror = bench.cloud, bench.ground.mirror("names")
    bench.mark("began")
    statuses = {
        name: mirror.registry.pull(name, "latest").status
        for name in (_OFFICIAL, f"library/{_OFFICIAL}")
    }
    listed = bench.said(
        "ListPackages", lambda: list(cloud.artifacts.list_packages(parent=mirror.parent))
    )
    names = [] if isinstance(listed, Failure) else [each.name.rpartition("/")[2] for each in listed]
    packages = sorted(name for name in names if name.endswith(_OFFICIAL))
    bench.answer("U7", statuses=statuses, packages=packages, one_package=len(packages) == 1)


def _spelling_entries(bench: Bench) -> None:
    mirror = bench.ground.mirror("names")
    found = bench.ground.entries(audit_filter(mirror), bench.moment("began"), bench.cloud.now())
    resources = {told(entry)["resource"] for entry in found}
    bench.answer("U7", resources=sorted(name for name in resources if _OFFICIAL in str(name)))


def _pull_through_virtual(bench: Bench) -> None:
    cloud, virtual = bench.cloud, bench.ground.virtual()
    cloud.hub.push(cloud.probe, "virtual", tiny(41))
    bench.mark("began")
    bench.answer("U19", status=virtual.registry.pull(cloud.probe, "virtual").status)


def _virtual_entries(bench: Bench) -> None:
    since, until = bench.moment("began"), bench.cloud.now()

    def found(mirror: Mirror) -> list[dict[str, Any]]:
        return [told(each) for each in bench.ground.entries(audit_filter(mirror), since, until)]

    virtual, remote = found(bench.ground.virtual()), found(bench.ground.mirror("behind"))
    bench.answer(
        "U19", virtual=virtual, remote=remote, names_the_virtual_one=bool(virtual) and not remote
    )


def _push_to_standard(bench: Bench) -> None:
    standard = bench.ground.standard()
    bench.mark("began")
    bench.notes["digest"] = standard.registry.push("probe", "one", tiny(51))


def _push_entries(bench: Bench) -> None:
    standard = bench.ground.standard()
    matching = audit_filter(standard, "Docker-PutManifest")
    found = bench.ground.entries(matching, bench.moment("began"), bench.cloud.now())
    bench.notes["entries"] = found
    bench.answer("U3", put=[told(entry) for entry in found], digest=bench.notes["digest"])


_REMOTE = "a remote repository of Docker Hub, audit logs, platform logs, topic and subscription gcr"

EXPERIMENTS = (
    Experiment(
        name="audit-of-pulls",
        bundle="L1",
        questions={
            "U1": "Which entries does a pull write that caches, finds nothing new, finds a move?",
            "U2": "Does a fill or a refresh publish anything to the topic gcr?",
            "U3": "What does the entry of a successful read by tag carry?",
            "U16": "What are platform logs called, how are they labelled, do they tell of fills?",
        },
        creates=(_REMOTE,),
        cost=Cost.CENTS,
        steps=(
            Step(run=_pull("cached", 21)),
            Step(run=_read("cached"), after=UNTIL_LOGGED),
            Step(run=_pull("unchanged", None), after=AFTER_THE_WINDOW),
            Step(run=_read("unchanged"), after=UNTIL_LOGGED),
            Step(run=_pull("moved", 22), after=AFTER_THE_WINDOW),
            Step(run=_read("moved"), after=UNTIL_LOGGED),
        ),
    ),
    Experiment(
        name="idle-tag",
        bundle="L1",
        questions={"U1": "Does anything refresh a tag that nobody pulls?"},
        creates=(_REMOTE,),
        cost=Cost.CENTS,
        steps=(Step(run=_leave_idle), Step(run=_look_at_idle, after=timedelta(hours=24))),
    ),
    Experiment(
        name="library-names",
        bundle="L1",
        questions={"U7": "Are busybox and library/busybox one package or two?"},
        creates=(_REMOTE,),
        cost=Cost.CENTS,
        steps=(Step(run=_both_spellings), Step(run=_spelling_entries, after=UNTIL_LOGGED)),
    ),
    Experiment(
        name="virtual-pull",
        bundle="L1",
        questions={"U19": "Whose name is in the entry of a pull through a virtual repository?"},
        creates=(_REMOTE, "a virtual repository before it"),
        cost=Cost.CENTS,
        steps=(Step(run=_pull_through_virtual), Step(run=_virtual_entries, after=UNTIL_LOGGED)),
    ),
    Experiment(
        name="audit-of-a-push",
        bundle="L1",
        questions={"U3": "What does the entry of a PutManifest carry?"},
        creates=("a standard repository with one small image",),
        cost=Cost.CENTS,
        steps=(Step(run=_push_to_standard), Step(run=_push_entries, after=UNTIL_LOGGED)),
    ),
)
