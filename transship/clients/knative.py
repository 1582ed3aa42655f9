"""A service as API v1 lists it, in Knative's shape, as a follower.

https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services
"""

from msgspec import Struct, field

from transship.errors import InvalidReference
from transship.model.focus import followers_in, view
from transship.model.follow import Follower, follower_of, visited
from transship.model.naming import ServiceName
from transship.model.reference import Reference, parse_reference
from transship.model.traffic import Share, is_operators

# https://cloud.google.com/run/docs/reference/rest/v1/ObjectMeta; that each service of a list has it
# is observed (gcloud reads it), not documented.
LOCATION_LABEL = "cloud.googleapis.com/location"


class _Metadata(Struct):
    # The namespace is not read: it may be the project's number.
    name: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _Port(Struct, rename="camel"):
    container_port: int = 0


class _Container(Struct):
    name: str = ""
    image: str = ""
    ports: tuple[_Port, ...] = ()


class _PodSpec(Struct):
    containers: tuple[_Container, ...] = ()


class _Template(Struct):
    spec: _PodSpec = field(default_factory=_PodSpec)


class _Target(Struct, rename="camel"):
    percent: int = 0
    latest_revision: bool = False
    revision_name: str = ""


class _Spec(Struct):
    template: _Template = field(default_factory=_Template)
    traffic: tuple[_Target, ...] = ()


class _Condition(Struct):
    type: str = ""
    status: str = ""


class _Status(Struct, rename="camel"):
    conditions: tuple[_Condition, ...] = ()
    latest_created_revision_name: str = ""
    latest_ready_revision_name: str = ""


class KnativeService(Struct):
    metadata: _Metadata = field(default_factory=_Metadata)
    spec: _Spec = field(default_factory=_Spec)
    status: _Status = field(default_factory=_Status)

    @property
    def region(self) -> str:
        return self.metadata.labels.get(LOCATION_LABEL, "")


class _ListMetadata(Struct):
    more: str = field(name="continue", default="")


class ServiceList(Struct):
    items: tuple[KnativeService, ...] = ()
    metadata: _ListMetadata = field(default_factory=_ListMetadata)
    unreachable: tuple[str, ...] = ()


def followers(said: KnativeService, project: str) -> list[Follower]:
    """One for each container that tracks a tag.

    Raises InvalidEvent for a service whose name or region we do not understand.
    """
    names = followers_in(said.metadata.annotations)
    return [_follower(said, project, container) for container in names]


def _follower(said: KnativeService, project: str, container: str) -> Follower:
    shares = [_share(target) for target in said.spec.traffic]
    return follower_of(
        ServiceName(project=project, region=said.region, service=said.metadata.name),
        annotations=view(said.metadata.annotations, container),
        image=_image(said.spec.template.spec.containers, container),
        failed=_failed(said.status),
        pinned_traffic=is_operators(shares, said.metadata.annotations),
        container=container,
        newest=said.status.latest_created_revision_name,
        visited=visited(shares, said.status.latest_ready_revision_name),
    )


def _share(target: _Target) -> Share:
    revision = None if target.latest_revision else target.revision_name
    return Share(percent=target.percent, revision=revision)


def _image(containers: tuple[_Container, ...], name: str) -> Reference | None:
    """Without a *name*, of the one that serves requests, which has the port."""
    ordered = sorted(containers, key=lambda container: not container.ports)
    found = [each for each in ordered if not name or each.name == name][:1]
    try:
        return parse_reference(found[0].image) if found else None
    except InvalidReference:
        return None


def _failed(status: _Status) -> bool:
    """The newest revision never became ready; not, that something else is in the way."""
    ready = next((c.status for c in status.conditions if c.type == "Ready"), "")
    return (
        ready == "False"
        and status.latest_created_revision_name != status.latest_ready_revision_name
    )
