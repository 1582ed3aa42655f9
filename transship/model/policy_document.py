"""The policy as the operator writes it: one JSON document, every field of which may be left out.

The defaults allow Docker Hub images in the own project, no public service, no adoption, and no
runtime account but the one that a service gets which names none.
"""

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec

from transship.model.naming import is_project
from transship.model.pattern import Pattern, parse_image_pattern
from transship.model.policy import Caps, Policy, Target
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


class PolicyDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without *targets*, every region of the own project; an empty list allows nothing.

    *public* and *adopt* are globs over services: their own names, `demo-*`, or their resource
    names, `projects/*/locations/*/services/demo-*`.
    """

    images: _Patterns = (f"{DOCKER_HUB}/**",)
    targets: (
        Annotated[tuple[TargetDocument, ...], msgspec.Meta(max_length=200)] | msgspec.UnsetType
    ) = msgspec.UNSET
    runtime_accounts: _Patterns = ()
    public: _Patterns = ()
    adopt: _Patterns = ()
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
        caps=Caps(
            cpu=_at("caps.cpu", caps.cpu, parse_cpu),
            memory=_at("caps.memory", caps.memory, parse_memory),
            timeout=_at("caps.timeout", caps.timeout, parse_duration),
            concurrency=caps.concurrency,
            min_instances=caps.min_instances,
            max_instances=caps.max_instances,
        ),
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
