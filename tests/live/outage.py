"""L2, with an upstream that does as it is told: outages, reads by digest, the upstream's limit.

The upstream is tests/live/told_registry.py on Cloud Run, whose requests are in its log.
"""

from collections.abc import Callable
from dataclasses import replace

from tests.live.experiment import (
    AFTER_THE_WINDOW,
    UNTIL_LOGGED,
    Bench,
    Cost,
    Experiment,
    Step,
    tiny,
)
from tests.live.google import ApiRefused
from tests.live.registry import digest_of

_CONTROLLED = "a public Cloud Run service that serves small images, a remote repository before it"
_IMAGE = "probe/site"
_SMALL_TAGS = 200
_QUOTAS = "https://serviceusage.googleapis.com/v1beta1"


def _serve(bench: Bench) -> None:
    mirror, upstream = bench.ground.controlled("outage")
    upstream.serve({"outage": tiny(201)})
    bench.notes["digest"] = tiny(201).digest
    bench.answer("U6", up=mirror.registry.pull(_IMAGE, "outage").status)


def _fail(status: int) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        _, upstream = bench.ground.controlled("outage")
        upstream.serve({}, status=status)

    return run


def _pull_failing(status: int) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        mirror, _ = bench.ground.controlled("outage")
        by_tag = mirror.registry.manifest(_IMAGE, "outage")
        by_digest = mirror.registry.manifest(_IMAGE, bench.notes["digest"])
        bench.answer(
            "U6",
            **{
                f"upstream_{status}": {
                    "status": by_tag.status,
                    "stale_tag_served": digest_of(by_tag) == bench.notes["digest"],
                    "text": "" if by_tag.is_good else by_tag.text(),
                    "retry_after": by_tag.headers.get("Retry-After"),
                    "status_by_digest": by_digest.status,
                }
            },
        )

    return run


def _up_again(bench: Bench) -> None:
    mirror, upstream = bench.ground.controlled("outage")
    upstream.serve({"outage": tiny(201)})
    bench.answer("U6", up_again=mirror.registry.manifest(_IMAGE, "outage").status)


def _prime_digests(bench: Bench) -> None:
    mirror, upstream = bench.ground.controlled("digests")
    upstream.serve({"cached": tiny(211), "uncached": tiny(212)})
    bench.answer("U8", first_read=mirror.registry.pull(_IMAGE, "cached").status)
    bench.mark("cached-began")


def _read_digest(name: str, seed: int) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        mirror, _ = bench.ground.controlled("digests")
        bench.mark(f"{name}-began")
        status = mirror.registry.manifest(_IMAGE, tiny(seed).digest).status
        bench.answer("U8", **{f"{name}_status": status})

    return run


def _count(name: str, seed: int) -> Callable[[Bench], None]:
    """How often the upstream was asked for a digest since it was read."""

    def run(bench: Bench) -> None:
        _, upstream = bench.ground.controlled("digests")
        asked = upstream.requests(bench.moment(f"{name}-began"))
        bench.notes[f"{name}-requests"] = asked
        count = sum(tiny(seed).digest in line for line in asked)
        bench.answer("U8", **{f"{name}_asks_upstream": count})

    return run


def _quota(bench: Bench) -> None:
    cloud = bench.cloud
    url = (
        f"{_QUOTAS}/projects/{cloud.number}/services/artifactregistry.googleapis.com"
        "/consumerQuotaMetrics?pageSize=200"
    )
    try:
        bench.notes["metrics"] = cloud.google.read(url).get("metrics", [])
    except ApiRefused as refused:
        bench.notes["metrics"] = []
        bench.answer("U10", quota_api=str(refused))
    named = [each for each in bench.notes["metrics"] if "remote" in str(each).lower()]
    bench.answer("U10", limits=named)


def _many_tags(bench: Bench) -> None:
    mirror, upstream = bench.ground.controlled("limit")
    upstream.serve(dict.fromkeys((f"t{number}" for number in range(_SMALL_TAGS)), tiny(221)))
    answers = [mirror.registry.manifest(_IMAGE, f"t{number}") for number in range(_SMALL_TAGS)]
    refused = [number for number, answer in enumerate(answers) if answer.status == 429]
    bench.answer(
        "U10",
        asked=_SMALL_TAGS,
        refused=len(refused),
        first_refused=refused[0] if refused else None,
        text=answers[refused[0]].text() if refused else "",
    )


def _immutable(bench: Bench) -> None:
    """A remote repository whose tags may not move, which would be a tag that is never refreshed."""
    cloud, mirror = bench.cloud, bench.ground.mirror()
    name = f"{cloud.run}-immutable"
    url = f"https://artifactregistry.googleapis.com/v1/{cloud.location}/repositories"
    cloud.delete_later(f"{url}/{name}")
    body = {
        "format": "DOCKER",
        "mode": "REMOTE_REPOSITORY",
        "dockerConfig": {"immutableTags": True},
        "remoteRepositoryConfig": {"dockerRepository": {"publicRepository": "DOCKER_HUB"}},
    }
    try:
        made = cloud.google.done("POST", f"{url}?repositoryId={name}", body)
    except ApiRefused as refused:
        bench.answer("U12", accepted=False, said=refused.answer.text())
        return
    bench.answer("U12", accepted=True, docker_config=made.get("dockerConfig"))
    bench.notes["prefix"] = mirror.registry.prefix.replace(mirror.repository, name)
    cloud.hub.push(cloud.probe, "immutable", tiny(231))
    _read_immutable(bench, "first")
    bench.notes["moved"] = cloud.hub.push(cloud.probe, "immutable", tiny(232))


def _read_immutable(bench: Bench, note: str) -> str:
    mirror = bench.ground.mirror()
    there = replace(mirror.registry, prefix=bench.notes["prefix"])
    answer = there.manifest(bench.cloud.probe, "immutable")
    bench.answer("U12", **{f"{note}_status": answer.status})
    return digest_of(answer)


def _immutable_moved(bench: Bench) -> None:
    if "prefix" in bench.notes:
        seen = _read_immutable(bench, "moved")
        bench.answer("U12", follows_a_move=seen == bench.notes["moved"])


EXPERIMENTS = (
    Experiment(
        name="outage",
        bundle="L2",
        questions={"U6": "Is a tag served after its window while the upstream answers 500 or 429?"},
        creates=(_CONTROLLED,),
        cost=Cost.CENTS,
        steps=(
            Step(run=_serve),
            Step(run=_fail(500)),
            Step(run=_pull_failing(500), after=AFTER_THE_WINDOW),
            Step(run=_fail(429)),
            # Later than a window that a stale answer may have begun anew.
            Step(run=_pull_failing(429), after=AFTER_THE_WINDOW),
            Step(run=_up_again),
        ),
    ),
    Experiment(
        name="reads-by-digest",
        bundle="L2",
        questions={
            "U8": "Is the upstream asked when a digest is read that is stored; that is not?"
        },
        creates=(_CONTROLLED,),
        cost=Cost.CENTS,
        steps=(
            Step(run=_prime_digests),
            Step(run=_read_digest("cached", 211), after=AFTER_THE_WINDOW),
            Step(run=_count("cached", 211), after=UNTIL_LOGGED),
            Step(run=_read_digest("uncached", 212)),
            Step(run=_count("uncached", 212), after=UNTIL_LOGGED),
        ),
    ),
    Experiment(
        name="upstream-limit",
        bundle="L2",
        questions={"U10": "How many cache misses does Artifact Registry allow for one upstream?"},
        creates=(_CONTROLLED,),
        cost=Cost.CENTS,
        steps=(Step(run=_quota), Step(run=_many_tags)),
    ),
    Experiment(
        name="immutable-tags",
        bundle="L2",
        questions={"U12": "May a remote repository have immutable tags; does a tag move then?"},
        creates=("two remote repositories of Docker Hub",),
        cost=Cost.CENTS,
        steps=(Step(run=_immutable), Step(run=_immutable_moved, after=AFTER_THE_WINDOW)),
    ),
)
