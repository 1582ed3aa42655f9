"""Cloud Run services through the Admin API v2 (google.cloud.run.v2.Services, .Revisions) over gRPC.

gRPC, because a read-modify-write over REST drops the fields that are newer than the library.
Importing this module loads the Google clients: wiring does so only when a service is needed.
"""

from collections.abc import Callable

from google.api_core import exceptions
from google.api_core.operation import Operation
from google.cloud import run_v2
from google.protobuf.field_mask_pb2 import FieldMask

from transship.clients.google_errors import translated
from transship.clients.run_setting import serving_container
from transship.clients.run_template import write_settings
from transship.clients.run_views import revision_of, service_of
from transship.errors import Refused, ServiceConflict
from transship.model.focus import is_of, key_of, placed
from transship.model.marks import Marks
from transship.model.naming import ServiceName
from transship.model.service import CLIENT, Revision, Service
from transship.model.traffic import Share
from transship.model.wanted import Wanted

_API = "run.googleapis.com"
_READ_TIMEOUT = 10.0
# As the client library's own default; the write may have been accepted when it runs out.
_WRITE_TIMEOUT = 15.0
# Newest first: the revision of an event that is redelivered is among the last few.
_LOOK_BACK = 50
_READ_GRANT = "roles/run.developer"
_DEPLOY_GRANT = (
    "roles/run.developer on the service, roles/iam.serviceAccountUser on its runtime account and"
    " roles/artifactregistry.reader on the mirror"
)


class CloudRunServices:
    def __init__(self, services: run_v2.ServicesClient, revisions: run_v2.RevisionsClient) -> None:
        self._services = services
        self._revisions = revisions

    def get(self, name: ServiceName) -> Service | None:
        """The service as the API tells it; None where there is none."""
        with translated(f"get {name}", api=_API, grant=_READ_GRANT):
            try:
                said = self._services.get_service(name=str(name), timeout=_READ_TIMEOUT)
            except exceptions.NotFound:
                return None
        return service_of(said)

    def create(self, wanted: Wanted) -> int:
        """Ask for a new service; returns the generation to wait for.

        Raises ServiceConflict where one exists meanwhile.
        """
        service = run_v2.Service(template=run_v2.RevisionTemplate(containers=[run_v2.Container()]))
        _write(service, wanted, "")
        return self._accept(
            f"create {wanted.service}",
            lambda: self._services.create_service(
                parent=wanted.service.parent,
                service=service,
                service_id=wanted.service.service,
                timeout=_WRITE_TIMEOUT,
            ),
        )

    def replace(self, current: Service, wanted: Wanted) -> int:
        """Ask for a new revision of *current*; returns the generation to wait for.

        Raises ServiceConflict where somebody else wrote since *current* was read.
        """
        service = _document(current)
        mask = _write(service, wanted, current.container)
        return self._update(current, service, mask)

    def steer(self, current: Service, traffic: tuple[Share, ...], marks: Marks) -> int:
        """Set who gets which share, and what *current* says about it, in one write."""
        service = _document(current)
        service.traffic = [_target(share) for share in traffic]
        _mark(service, placed(marks, current.container))
        return self._update(current, service, ["annotations", "labels", "traffic"])

    def annotate(self, current: Service, marks: Marks) -> int:
        """Change what *current* says about itself, without a new revision."""
        service = _document(current)
        _mark(service, placed(marks, current.container))
        # Not `client`: it says who wrote the template last.
        return self._update(current, service, ["annotations", "labels"])

    def revision(self, name: ServiceName, revision: str) -> Revision | None:
        full_name = f"{name}/revisions/{revision}"
        with translated(f"get revision {revision}", api=_API, grant=_READ_GRANT):
            try:
                said = self._revisions.get_revision(name=full_name, timeout=_READ_TIMEOUT)
            except exceptions.NotFound:
                return None
        return revision_of(said)

    def newest_revisions(self, name: ServiceName) -> list[Revision]:
        """Newest first, as many as an outcome may be late by."""
        request = run_v2.ListRevisionsRequest(parent=str(name), page_size=_LOOK_BACK)
        with translated(f"list revisions of {name}", api=_API, grant=_READ_GRANT):
            page = next(self._revisions.list_revisions(request, timeout=_READ_TIMEOUT).pages)
        return [revision_of(said) for said in page.revisions]

    def _update(self, current: Service, service: run_v2.Service, mask: list[str]) -> int:
        request = run_v2.UpdateServiceRequest(
            service=service, update_mask=FieldMask(paths=sorted(set(mask)))
        )
        doing = f"update {current.name}"
        try:
            return self._accept(
                doing, lambda: self._services.update_service(request, timeout=_WRITE_TIMEOUT)
            )
        except Refused:
            # Which code a stale etag gets is not documented for this API (AIP-154 asks for
            # ABORTED). A refusal of a service that has changed meanwhile is taken as a conflict.
            now = self.get(current.name)
            if now is None or now.etag != current.etag:
                raise ServiceConflict(f"{doing}: changed meanwhile") from None
            raise

    def _accept(self, doing: str, call: Callable[[], Operation]) -> int:
        with translated(doing, api=_API, grant=_DEPLOY_GRANT):
            operation = call()
        # The operation itself is not waited for: whoever comes after a crash has only the service
        # to look at, so everybody looks at the service.
        return int(operation.metadata.generation)


def _document(current: Service) -> run_v2.Service:
    """A copy of what was read, etag included, to be changed and written back."""
    service = run_v2.Service()
    run_v2.Service.copy_from(service, current.document.said)
    return service


def _write(service: run_v2.Service, wanted: Wanted, container: str) -> list[str]:
    """Put *wanted* of *container* into *service*; returns the mask that covers all of it."""
    # Set or cleared: a name that is kept would be "Revision named ... with different configuration
    # already exists". https://github.com/googleapis/google-cloud-python/issues/11870
    service.template.revision = wanted.revision
    _container(service, container).image = str(wanted.image.untagged())
    written = write_settings(service, wanted.settings)
    annotations = service.template.annotations
    for key in [key for key in annotations if is_of(key, container)]:
        del annotations[key]
    record = wanted.record.annotations()
    annotations.update({key_of(key, container): value for key, value in record.items()})
    _mark(service, placed(wanted.marks(service.labels), container))
    service.client = CLIENT
    mask = ["annotations", "client", "labels", "template", *written]
    if wanted.traffic is not None:
        service.traffic = [_target(share) for share in wanted.traffic]
        mask.append("traffic")
    return mask


def _container(service: run_v2.Service, name: str) -> run_v2.Container:
    named = (each for each in service.template.containers if name and each.name == name)
    return next(named, serving_container(service))


def _target(share: Share) -> run_v2.TrafficTarget:
    kind = run_v2.TrafficTargetAllocationType
    return run_v2.TrafficTarget(
        type_=(
            kind.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
            if share.revision
            else kind.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
        ),
        revision=share.revision or "",
        percent=share.percent,
        tag=share.tag,
    )


def _mark(service: run_v2.Service, marks: Marks) -> None:
    for mapping, changes in (
        (service.annotations, marks.annotations),
        (service.labels, marks.labels),
    ):
        for key, value in changes.items():
            if value is None:
                mapping.pop(key, None)
            else:
                mapping[key] = value
