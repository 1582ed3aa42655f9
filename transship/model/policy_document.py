"""The policy as the operator writes it: one JSON document, every field of which may be left out.

The defaults allow Docker Hub images in the own project, no public service, no adoption, no runtime
account but the one that a service gets which names none, and nothing outside of the container: no
secret, no storage but memory, no database, no network.
"""

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec

from transship.model.naming import is_project
from transship.model.pattern import Pattern, parse_image_pattern
from transship.model.policy import Caps, Policy, Target
from transship.model.policy_reach import Reach
from transship.model.quantity import parse_cpu, parse_duration, parse_memory
from transship.model.reference import DOCKER_HUB

_S = TypeVar("_S")
_T = TypeVar("_T")

# Every pattern may be tried for every request.
_Patterns = Annotated[tuple[str, ...], msgspec.Meta(max_length=200)]


class TargetDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A region may be a pattern, ``europe-*``; a project may not."""

    project: str
    region: str = "*"


class CapsDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Amounts as in requests: cpu "2", memory "4Gi", timeout "5m"."""

    cpu: str = "2"
    memory: str = "4Gi"
    # These two are Cloud Run's own limits.
    timeout: str = "3600s"
    concurrency: Annotated[int, msgspec.Meta(ge=1)] = 1000
    # What is always there costs while nobody asks.
    min_instances: Annotated[int, msgspec.Meta(ge=0)] = 1
    max_instances: Annotated[int, msgspec.Meta(ge=1)] = 10
    gpu: Annotated[int, msgspec.Meta(ge=0)] = 0


class VolumesDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Globs over buckets, instances (``PROJECT:REGION:NAME``) and exports (``SERVER:/PATH``).

    Volumes in memory need no permission.
    """

    buckets: _Patterns = ()
    cloudsql_instances: _Patterns = ()
    nfs: _Patterns = ()


class PolicyDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without *targets*, every region of the own project; an empty list allows nothing.

    *public* and *adopt* are globs over services: their own names, `demo-*`, or their resource
    names, `projects/*/locations/*/services/demo-*`; so is *breakglass*, which lets binary
    authorization be passed by. *public* goes for `allow_unauthenticated` and for
    `invoker_iam_check: false`. *secrets* and *networks* (with subnets and connectors) are globs
    over names in the service's own project, or over resource names.
    """

    images: _Patterns = (f"{DOCKER_HUB}/**",)
    targets: (
        Annotated[tuple[TargetDocument, ...], msgspec.Meta(max_length=200)] | msgspec.UnsetType
    ) = msgspec.UNSET
    runtime_accounts: _Patterns = ()
    public: _Patterns = ()
    adopt: _Patterns = ()
    breakglass: _Patterns = ()
    secrets: _Patterns = ()
    volumes: VolumesDocument = VolumesDocument()
    networks: _Patterns = ()
    network_tags: _Patterns = ()
    caps: CapsDocument = CapsDocument()


def parse_policy(text: str | bytes, *, project: str) -> Policy:
    """The policy in *text*, a JSON document, for requests in *project* unless it says otherwise.

    Raises ValueError, which names the field and what would be right.

    >>> str(parse_policy("{}", project="sample-project").images[0])
    'docker.io/**'
    """
    document = msgspec.json.decode(text, type=PolicyDocument)
    targets = document.targets
    if isinstance(targets, msgspec.UnsetType):
        targets = (TargetDocument(project=project),)
    caps = document.caps
    return Policy(
        images=_each("images", document.images, parse_image_pattern),
        targets=_each("targets", targets, _target),
        runtime_accounts=_each("runtime_accounts", document.runtime_accounts, Pattern),
        public=_each("public", document.public, Pattern),
        adopt=_each("adopt", document.adopt, Pattern),
        breakglass=_each("breakglass", document.breakglass, Pattern),
        reach=_reach(document),
        caps=Caps(
            cpu=_at("caps.cpu", caps.cpu, parse_cpu),
            memory=_at("caps.memory", caps.memory, parse_memory),
            timeout=_at("caps.timeout", caps.timeout, parse_duration),
            concurrency=caps.concurrency,
            min_instances=caps.min_instances,
            max_instances=caps.max_instances,
            gpu=caps.gpu,
        ),
    )


def _reach(document: PolicyDocument) -> Reach:
    volumes = document.volumes
    return Reach(
        secrets=_each("secrets", document.secrets, Pattern),
        buckets=_each("volumes.buckets", volumes.buckets, Pattern),
        cloudsql_instances=_each("volumes.cloudsql_instances", volumes.cloudsql_instances, Pattern),
        nfs=_each("volumes.nfs", volumes.nfs, Pattern),
        networks=_each("networks", document.networks, Pattern),
        network_tags=_each("network_tags", document.network_tags, Pattern),
    )


def _target(document: TargetDocument) -> Target:
    if not is_project(document.project):
        raise ValueError(f"the project {document.project!r} is wrong; right is a project's id")
    return Target(project=document.project, region=Pattern(document.region))


def _each(field: str, items: tuple[_S, ...], parse: Callable[[_S], _T]) -> tuple[_T, ...]:
    return tuple(_at(f"{field}[{index}]", item, parse) for index, item in enumerate(items))


def _at(field: str, value: _S, parse: Callable[[_S], _T]) -> _T:
    """Say where a value stands when its noun refuses it, in the words that msgspec uses."""
    try:
        return parse(value)
    except ValueError as error:
        raise ValueError(f"{error} - at `$.{field}`") from error
