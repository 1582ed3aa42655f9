"""L6: what Cloud Run shows of an image, and how it refuses.

https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from google.api_core.future.polling import DEFAULT_POLLING
from google.cloud import run_v2

from local.images import static_site
from tests.live.experiment import Bench, Cost, Experiment, Failure, Step
from tests.live.world import Mirror

_RUN = "https://run.googleapis.com"
_LABEL = "transship-live"
_KIB = 1024
_SIZES = (1, 64, 300)
_PORT = 80
_DEPLOYED = DEFAULT_POLLING.with_delay(initial=0.02, maximum=5.0).with_timeout(300)


def _named(bench: Bench, short: str, region: str = "") -> tuple[str, str]:
    """The parent, and the id of a service that is deleted later."""
    cloud = bench.cloud
    parent = f"projects/{cloud.project}/locations/{region or cloud.region}"
    cloud.delete_later(f"{_RUN}/v2/{parent}/services/{cloud.run}-{short}")
    return parent, f"{cloud.run}-{short}"


def _create(bench: Bench, short: str, service: run_v2.Service, region: str = "") -> Any:
    """The service that is ready, or a Failure."""
    parent, name = _named(bench, short, region)

    def create() -> Any:
        request = {"parent": parent, "service": service, "service_id": name}
        return bench.cloud.services.create_service(request=request).result(polling=_DEPLOYED)

    return bench.said(f"CreateService {name}", create)


def _update(bench: Bench, service: run_v2.Service, mask: str) -> Any:
    request = {"service": service, "update_mask": {"paths": [mask]}}
    return bench.cloud.services.update_service(request=request).result(polling=_DEPLOYED)


def _service(image: str, **fields: Any) -> run_v2.Service:
    container = run_v2.Container(image=image, ports=[run_v2.ContainerPort(container_port=_PORT)])
    return run_v2.Service(template={"containers": [container]}, **fields)


def _deploy_index(bench: Bench) -> None:
    cloud, mirror = bench.cloud, bench.ground.mirror()
    both = static_site("live")  # an index of two platforms
    cloud.hub.push(cloud.probe, "deployed", both)
    mirror.registry.pull(cloud.probe, both.digest)
    reference = mirror.reference(cloud.probe, both.digest)
    names = {both.digest: "index", **{each.digest: "child" for each in both.children}}
    with_sidecar = _service(reference)
    sidecar = run_v2.Container(
        name="beside", image=reference, command=["/bin/sh"], args=["-c", "sleep 3600"]
    )
    with_sidecar.template.containers.append(sidecar)
    for short, service in (("index", _service(reference)), ("sidecar", with_sidecar)):
        made = _create(bench, short, service)
        if isinstance(made, Failure):
            bench.answer("U22", **{short: made.text})
            continue
        read = partial(cloud.revisions.get_revision, name=made.latest_ready_revision)
        revision = bench.said("GetRevision", read)
        bench.answer(
            "U22",
            **{
                short: {
                    "service": _digests(made.template.containers, names),
                    "revision": _digests(revision.containers, names),
                    "v1": _v1_revision(bench, made, names),
                }
            },
        )


def _digests(containers: Any, names: dict[str, str]) -> list[str]:
    """Of each container: the index, its child, or what else it says."""
    return [names.get(each.image.partition("@")[2], each.image) for each in containers]


def _v1_revision(bench: Bench, made: Any, names: dict[str, str]) -> Any:
    cloud = bench.cloud
    name = made.latest_ready_revision.rpartition("/")[2]
    place = f"/apis/serving.knative.dev/v1/namespaces/{cloud.project}/revisions/{name}"
    answer = cloud.google.ask("GET", f"https://{cloud.region}-run.googleapis.com{place}")
    if not answer.is_good:
        return answer.status
    said = answer.json()
    digest = said.get("status", {}).get("imageDigest", "").partition("@")[2]
    return {
        "imageDigest": names.get(digest, digest),
        "containers": [
            names.get(each["image"].partition("@")[2], each["image"])
            for each in said["spec"]["containers"]
        ],
    }


def _stale_etag(bench: Bench) -> None:
    cloud, mirror = bench.cloud, bench.ground.mirror()
    reference = _stocked(bench, mirror)
    made = _create(bench, "etag", _service(reference))
    if isinstance(made, Failure):
        bench.answer("U23", deployed=made.text)
        return

    def describe(text: str) -> Any:
        service = run_v2.Service(name=made.name, etag=made.etag, description=text)
        update = partial(_update, bench, service, "description")
        return bench.said(f"UpdateService {text}", update)

    describe("first")
    second = describe("second")
    refused = isinstance(second, Failure)
    bench.answer(
        "U23", grpc_refuses=refused, grpc=second.text if refused else "the stale etag was taken"
    )
    body = {"etag": made.etag, "description": "third"}
    rest = cloud.google.ask("PATCH", f"{_RUN}/v2/{made.name}?updateMask=description", body)
    bench.answer("U23", rest_status=rest.status, rest=rest.text())


def _stocked(bench: Bench, mirror: Mirror) -> str:
    """A reference by digest that the mirror has."""
    cloud = bench.cloud
    digest = cloud.hub.push(cloud.probe, "stocked", static_site("stocked"))
    mirror.registry.pull(cloud.probe, digest)
    return mirror.reference(cloud.probe, digest)


def _quota(bench: Bench) -> None:
    cloud = bench.cloud
    place = f"projects/{cloud.number}/services/run.googleapis.com/consumerQuotaMetrics"
    answer = cloud.google.ask("GET", f"https://serviceusage.googleapis.com/v1beta1/{place}")
    metrics = answer.json().get("metrics", []) if answer.is_good else []
    bench.notes["metrics"] = metrics
    limits = {
        limit.get("name", ""): [
            bucket.get("effectiveLimit") for bucket in limit.get("quotaBuckets", [])
        ]
        for metric in metrics
        for limit in metric.get("consumerQuotaLimits", [])
    }
    wanted = {name: said for name, said in limits.items() if "PerMinute" in name}
    bench.answer("U24", status=answer.status, per_minute=wanted, names=sorted(limits))


def _deploy_uncached(bench: Bench) -> None:
    """A mirror of its own: nothing is in it that an experiment put there."""
    cloud, mirror = bench.cloud, bench.ground.mirror("cold")
    bench.mark("began")
    tag, by_digest = static_site("cold tag"), static_site("cold digest")
    cloud.hub.push(cloud.probe, "cold-tag", tag)
    cloud.hub.push(cloud.probe, "cold-digest", by_digest)
    asked = {
        "tag": (mirror.reference(cloud.probe, "cold-tag"), tag.digest),
        "digest": (mirror.reference(cloud.probe, by_digest.digest), by_digest.digest),
        "missing": (mirror.reference(cloud.probe, "was-never-pushed"), ""),
    }
    for what, (reference, digest) in asked.items():
        made = _create(bench, f"cold-{what}", _service(reference))
        name = f"{cloud.location}/services/{cloud.run}-cold-{what}"
        service = bench.said("GetService", partial(cloud.services.get_service, name=name))
        bench.answer(
            "U25",
            **{
                what: {
                    "deployed": not isinstance(made, Failure),
                    "text": made.text if isinstance(made, Failure) else "",
                    "condition": _condition(service),
                    "filled": bool(digest) and _holds(bench, mirror, digest),
                }
            },
        )


def _condition(service: Any) -> dict[str, str]:
    if isinstance(service, Failure):
        return {"service": service.text}
    said = service.terminal_condition
    return {"state": said.state.name, "reason": str(said.reason), "message": said.message}


def _holds(bench: Bench, mirror: Mirror, digest: str) -> bool:
    name = f"{mirror.package(bench.cloud.probe)}/versions/{digest}"
    said = bench.said("GetVersion", lambda: bench.cloud.artifacts.get_version(name=name))
    return not isinstance(said, Failure)


def _annotations(bench: Bench) -> None:
    reference = _stocked(bench, bench.ground.mirror())
    made = _create(bench, "notes", _service(reference))
    if isinstance(made, Failure):
        bench.answer("U26", deployed=made.text)
        return
    for size in _SIZES:
        text = "x" * (size * _KIB)
        service = run_v2.Service(name=made.name, annotations={"transship.dev/live": text})
        update = partial(_update, bench, service, "annotations")
        said = bench.said(f"UpdateService with an annotation of {size} KiB", update)
        bench.answer(
            "U26", **{f"{size}_KiB": said.text if isinstance(said, Failure) else "accepted"}
        )


def _labels(bench: Bench) -> None:
    cloud = bench.cloud
    reference = _stocked(bench, bench.ground.mirror())
    labels = {_LABEL: cloud.run}
    for region in (cloud.region, cloud.other_region):
        made = _create(bench, f"label-{region[:12]}", _service(reference, labels=labels), region)
        if isinstance(made, Failure):
            bench.answer("U26", **{region: made.text})
    place = f"/apis/serving.knative.dev/v1/namespaces/{cloud.project}/services"
    answer = cloud.google.ask("GET", f"{_RUN}{place}?labelSelector={_LABEL}%3D{cloud.run}")
    items = answer.json().get("items", []) if answer.is_good else []
    regions = [
        each["metadata"].get("labels", {}).get("cloud.googleapis.com/location") for each in items
    ]
    bench.answer("U26", listed=len(items), regions=regions, status=answer.status)


def _one(
    name: str, questions: dict[str, str], run: Callable[[Bench], None], *creates: str
) -> Experiment:
    return Experiment(
        name=name,
        bundle="L6",
        questions=questions,
        creates=creates,
        cost=Cost.CENTS,
        steps=(Step(run=run),),
    )


_SERVICES = "private Cloud Run services that scale to zero"

EXPERIMENTS = (
    _one(
        "digest-shown",
        {"U22": "Does a revision show the index digest that was deployed, or the child's?"},
        _deploy_index,
        _SERVICES,
    ),
    _one(
        "stale-etag", {"U23": "What does an update with a stale etag get?"}, _stale_etag, _SERVICES
    ),
    _one(
        "run-quota", {"U24": "How many reads and writes a minute does the Admin API allow?"}, _quota
    ),
    _one(
        "cold-deploy",
        {"U25": "Does a deploy fill an empty mirror; how does it fail?"},
        _deploy_uncached,
        _SERVICES,
    ),
    _one(
        "annotation-size",
        {"U26": "How large may an annotation of a service be?"},
        _annotations,
        _SERVICES,
    ),
    _one(
        "label-list",
        {"U26": "Does the v1 list by label say each service's region?"},
        _labels,
        _SERVICES,
        "one of them in a second region",
    ),
)
