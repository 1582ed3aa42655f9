"""Nouns to decide about, each with as little said as a test wants to say."""

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from transship.model.digest import Digest
from transship.model.marks import TRACKED_LABEL
from transship.model.messages import DeployRequest
from transship.model.mirror import parse_mirrors
from transship.model.naming import ServiceName, tracking_label
from transship.model.record import Proof, Record
from transship.model.reference import Reference, parse_reference
from transship.model.request import Deploy, deploy_of
from transship.model.service import CLIENT, Condition, Container, Revision, Service, State
from transship.model.settings import Settings
from transship.model.traffic import Share
from transship.model.wanted import Found, Wanted, want

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MIRRORS = parse_mirrors("docker.io=asia-northeast1-docker.pkg.dev/sample-project/docker")
NAME = ServiceName(project="sample-project", region="asia-northeast1", service="web")
RUNTIME = "transship-runtime@sample-project.iam.gserviceaccount.com"
IMAGE = parse_reference("dockersamples/static-site:v1")
PROOF = Proof(blobs=3, bytes=300, seconds=0.3, mirror_agrees=True)


def digest(digit: str) -> Digest:
    return Digest(f"sha256:{digit * 64}")


INDEX, CHILD, OTHER = digest("a"), digest("1"), digest("2")


def mirrored(image: Reference = IMAGE) -> Reference:
    return MIRRORS.for_upstream(image).serving(image)


def a_deploy(*, event_id: str = "2", at: datetime = NOON, **message: Any) -> Deploy:
    """Of the image to the service, unless *message* says otherwise."""
    fields = {"image": str(IMAGE), "service": NAME.service, **message}
    return deploy_of(
        DeployRequest(**fields),
        event_id=event_id,
        published_at=at,
        project=NAME.project,
        region=NAME.region,
        runtime_account=RUNTIME,
        mirrors=MIRRORS,
    )


def found(index: Digest | None = INDEX, child: Digest = CHILD, *ports: int) -> Found:
    return Found(index=index, child=child, resolved_by="upstream", exposed_ports=ports, proof=PROOF)


def wanted(deploy: Deploy, current: Service | None = None, of: Found | None = None) -> Wanted:
    return want(deploy, of or found(), mirrored(deploy.image), current)


def a_record(**fields: Any) -> Record:
    """Of the event before, `1`, a second ago."""
    said: dict[str, Any] = {
        "image": IMAGE,
        "index": INDEX,
        "child": CHILD,
        "cause": "1",
        "requested_at": NOON.replace(hour=11),
        "asked_for": Settings().fingerprint(),
        "reason": "new_service",
        "pulled": PROOF,
    }
    return Record(**{**said, **fields})


def a_service(record: Record | None = None, **fields: Any) -> Service:
    """Ready, serving all of its one revision, tracking, made by the event before."""
    record = record or a_record()
    annotations = record.annotations()
    said: dict[str, Any] = {
        "name": NAME,
        "etag": "e1",
        "generation": 1,
        "observed_generation": 1,
        "reconciling": False,
        "condition": Condition(state=State.READY),
        "client": CLIENT,
        "containers": (Container(name="", image=mirrored().pin(record.child).untagged()),),
        "settings": Settings(
            args=(),
            command=(),
            concurrency=80,
            cpu=1000,
            env_vars=(),
            ingress="all",
            labels=(),
            max_instances=5,
            memory=512 * 1024**2,
            min_instances=0,
            port=80,
            service_account=RUNTIME,
            timeout=300,
        ),
        "labels": {tracking_label(IMAGE.name): "", TRACKED_LABEL: ""},
        "annotations": {**annotations, "transship.dev/tracks": str(IMAGE)},
        "template_annotations": annotations,
        "asked_traffic": (Share(percent=100),),
        "traffic": (Share(percent=100),),
        "latest_created": "web-1",
        "latest_ready": "web-1",
        "uri": "https://web.example",
    }
    return Service(**{**said, **fields})


def with_settings(service: Service, **settings: Any) -> Service:
    return replace(service, settings=replace(service.settings, **settings))


def a_revision(record: Record | None = None, **fields: Any) -> Revision:
    said: dict[str, Any] = {
        "name": "web-1",
        "condition": Condition(state=State.READY),
        "log_uri": "https://log.example/web-1",
        "annotations": (record or a_record()).annotations(),
    }
    return Revision(**{**said, **fields})


FAILED = Condition(state=State.FAILED, reason="HEALTH_CHECK_CONTAINER_ERROR", message="no answer")
WORKING = Condition(state=State.WORKING)
PINNED = (Share(percent=100, revision="web-1"),)
