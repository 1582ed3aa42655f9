"""L5: what takes days, a second region, or rights over the project's policy.

https://docs.cloud.google.com/artifact-registry/docs/repositories/cleanup-policy-overview
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.live import undo
from tests.live.experiment import UNTIL_GRANTED, Bench, Cost, Experiment, Step, tiny
from tests.live.google import ApiRefused
from tests.live.registry import Registry

_AR = "https://artifactregistry.googleapis.com/v1"
_RUN = "https://run.googleapis.com/v2"
_A_DAY = timedelta(hours=25)
_OFTEN = timedelta(hours=6)
_POLICY = {
    "old": {
        "id": "old",
        "action": "DELETE",
        "condition": {"tagState": "ANY", "olderThan": "86400s"},
    }
}


def _cached_first(bench: Bench) -> None:
    """Three versions: one is left alone, one is pulled again a day later, one comes then."""
    cloud, mirror = bench.cloud, bench.ground.mirror("cleanup")
    for number, tag in enumerate(("left", "pulled-again")):
        bench.notes[tag] = cloud.hub.push(cloud.probe, f"cleanup-{tag}", tiny(501 + number))
        mirror.registry.pull(cloud.probe, f"cleanup-{tag}")


def _dry_run(bench: Bench) -> None:
    cloud, mirror = bench.cloud, bench.ground.mirror("cleanup")
    mirror.registry.pull(cloud.probe, bench.notes["pulled-again"])
    bench.notes["new"] = cloud.hub.push(cloud.probe, "cleanup-new", tiny(503))
    mirror.registry.pull(cloud.probe, "cleanup-new")
    bench.mark("policy")
    url = f"{_AR}/{mirror.parent}?updateMask=cleanupPolicies,cleanupPolicyDryRun"
    body = {"cleanupPolicies": _POLICY, "cleanupPolicyDryRun": True}
    cloud.google.done("PATCH", url, body)


def _dry_run_entries(bench: Bench) -> bool:
    """A dry run deletes nothing, and logs a BatchDeleteVersions that only validates."""
    mirror = bench.ground.mirror("cleanup")
    matching = (
        'protoPayload.serviceName="artifactregistry.googleapis.com" AND '
        'protoPayload.methodName:"BatchDeleteVersions" AND '
        f'"{mirror.repository}"'
    )
    found = bench.ground.entries(matching, bench.moment("policy"), bench.cloud.now())
    bench.notes["entries"] = found
    text = str(found)
    named = [tag for tag in ("left", "pulled-again", "new") if bench.notes[tag] in text]
    bench.answer("U11", would_delete=named, entries=len(found))
    if found:
        bench.answer("U11", age_counts_pulls="pulled-again" not in named)
    return bool(found)


def _across_regions(bench: Bench) -> None:
    cloud = bench.cloud
    elsewhere = f"projects/{cloud.project}/locations/{cloud.other_region}/repositories"
    name = f"{cloud.run}-far"
    cloud.delete_later(f"{_AR}/{elsewhere}/{name}")
    body: dict[str, Any] = {"format": "DOCKER", "mode": "STANDARD_REPOSITORY"}
    cloud.google.done("POST", f"{_AR}/{elsewhere}?repositoryId={name}", body)
    agent = f"service-{cloud.number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    # Before the remote repository is made: it is tried then.
    undo.bind(
        cloud.google,
        f"{_AR}/{elsewhere}/{name}",
        "roles/artifactregistry.serviceAgent",
        f"serviceAccount:{agent}",
    )
    far = Registry(
        http=cloud.http,
        host=f"{cloud.other_region}-docker.pkg.dev",
        prefix=f"{cloud.project.replace(':', '/')}/{name}/",
        bearer=cloud.google.token,
    )
    far.push("probe", "far", tiny(511))
    bench.notes["far"] = f"{elsewhere}/{name}"


def _pull_across(bench: Bench) -> None:
    cloud, mirror = bench.cloud, bench.ground.mirror()
    here = f"{_AR}/{cloud.location}/repositories"
    name = f"{cloud.run}-near"
    cloud.delete_later(f"{here}/{name}")
    config = {"commonRepository": {"uri": bench.notes["far"]}}
    body = {"format": "DOCKER", "mode": "REMOTE_REPOSITORY", "remoteRepositoryConfig": config}
    try:
        cloud.google.done("POST", f"{here}?repositoryId={name}", body)
    except ApiRefused as refused:
        bench.answer("U17", accepted=False, said=refused.answer.text())
        return
    near = replace(mirror.registry, prefix=mirror.registry.prefix.replace(mirror.repository, name))
    seconds = []
    for _ in range(2):
        began = cloud.now()
        answer = near.pull("probe", "far")
        seconds.append(round((cloud.now() - began).total_seconds(), 2))
    bench.answer("U17", accepted=True, status=answer.status, cold=seconds[0], warm=seconds[1])


def _conditional(bench: Bench) -> None:
    """A developer of one service by name, and two services."""
    cloud, listener = bench.cloud, bench.ground.listener("named")
    email = bench.ground.account("condition")
    bench.notes["account"] = email
    binding = {
        "role": "roles/run.developer",
        "members": [f"serviceAccount:{email}"],
        "condition": {
            "title": cloud.run,
            "expression": f'resource.name == "{listener.name}"',
        },
    }
    undo.bind_project(cloud, binding)


def _try_both(bench: Bench) -> None:
    """A read of each, and a write that changes nothing: its description is empty already."""
    cloud = bench.cloud
    listener, other = bench.ground.listener("named"), bench.ground.listener("other")
    token = bench.ground.token_of(bench.notes["account"])
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for which, name in (("named", listener.name), ("other", other.name)):
        url = f"{_RUN}/{name}"
        read = cloud.http.send("GET", url, headers).status
        body = b'{"description": ""}'
        write = cloud.http.send("PATCH", f"{url}?updateMask=description", headers, body).status
        bench.answer("U27", **{which: {"read": read, "write": write}})


EXPERIMENTS = (
    Experiment(
        name="cleanup-age",
        bundle="L5",
        questions={"U11": "Is a cleanup policy's age counted from caching, update or last pull?"},
        creates=("a remote repository with a cleanup policy that only says what it would do",),
        cost=Cost.CENTS,
        steps=(
            Step(run=_cached_first),
            Step(run=_dry_run, after=_A_DAY),
            Step(run=_dry_run_entries, after=_OFTEN, every=_OFTEN, times=8),
        ),
    ),
    Experiment(
        name="across-regions",
        bundle="L5",
        questions={"U17": "May a remote repository's upstream be in another region?"},
        creates=("a standard repository in the second region, a remote one of it",),
        cost=Cost.CENTS,
        steps=(Step(run=_across_regions), Step(run=_pull_across, after=UNTIL_GRANTED)),
    ),
    Experiment(
        name="conditional-role",
        bundle="L5",
        questions={"U27": "Does an IAM condition on a Cloud Run service's name hold?"},
        creates=("two Cloud Run services, an account, a binding of the project",),
        cost=Cost.CENTS,
        steps=(Step(run=_conditional), Step(run=_try_both, after=UNTIL_GRANTED)),
        consent="writes the project's IAM policy",
    ),
)
