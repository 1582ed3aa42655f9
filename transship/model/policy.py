"""What requests may ask for, decided before anything is touched.

Every refusal names the rule and what would be right. Requests made by a refresh pass here too: a
policy that was tightened holds for services that were deployed before.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from transship.errors import Refused
from transship.model.naming import ServiceName
from transship.model.pattern import ImagePattern, Pattern
from transship.model.quantity import format_cpu, format_duration, format_memory
from transship.model.reference import Reference

# A unique id or a resource name would be an account under a name that no pattern expects.
_ACCOUNT = re.compile(r"[a-z0-9.-]+@[a-z0-9.-]+")
# Both have the Editor role in many projects.
# https://docs.cloud.google.com/iam/docs/service-account-types#default
_DEFAULT_ACCOUNT = re.compile(
    r"[0-9]+-compute@developer\.gserviceaccount\.com|[a-z0-9.-]+@appspot\.gserviceaccount\.com"
)

# What Cloud Run functions, whether made by their own API or by Cloud Run's, leave on the service;
# observed in public descriptions of services, not documented as a whole.
_MANAGED_BY = "goog-managed-by"
_FUNCTION_LABELS = frozenset({"goog-cloudfunctions-runtime", "goog-drz-cloudfunctions-id"})
_FUNCTION_ANNOTATIONS = frozenset(
    {
        "cloudfunctions.googleapis.com/function-id",
        "run.googleapis.com/build-function-target",
        "run.googleapis.com/function-target",
    }
)

# Reasons end up in outcomes and log lines.
_LISTED_LIMIT = 10

# infra/ puts this label on every function that transship consists of.
PART_LABEL = "transship-part"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A project, and the regions in it that services may be in."""

    project: str
    region: Pattern

    def matches(self, service: ServiceName) -> bool:
        return service.project == self.project and self.region.matches(service.region)

    def __str__(self) -> str:
        return f"{self.project}/{self.region}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most that a request may name; cpu in thousandths, memory in bytes, timeout in seconds."""

    cpu: int
    memory: int
    timeout: int
    concurrency: int
    min_instances: int
    max_instances: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Patterns of *public* and *adopt* cover a service's own name or its resource name."""

    images: tuple[ImagePattern, ...]
    targets: tuple[Target, ...]
    runtime_accounts: tuple[Pattern, ...]
    public: tuple[Pattern, ...]
    adopt: tuple[Pattern, ...]
    caps: Caps


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a request wants; None where it names nothing, which needs no permission.

    *reference* is the upstream's, also where the request named an image in a mirror.
    """

    reference: Reference
    service: ServiceName
    runtime_account: str | None = None
    public: bool = False
    adopt: bool = False
    cpu: int | None = None
    memory: int | None = None
    timeout: int | None = None
    concurrency: int | None = None
    min_instances: int | None = None
    max_instances: int | None = None


def admit(policy: Policy, ask: Ask) -> None:
    """Raises Refused, with the first rule that says no."""
    admit_image(policy, ask.reference)
    if not any(target.matches(ask.service) for target in policy.targets):
        raise Refused(
            "policy.targets",
            f"{ask.service} is in no allowed project and region;"
            f" right is one of {_listed(policy.targets)}",
        )
    if ask.runtime_account is not None:
        _admit_account(policy, ask.runtime_account)
    if ask.public and not _covers(policy.public, ask.service):
        raise Refused(
            "policy.public",
            f"{ask.service} may not be public; right is allow_unauthenticated: false, or one of"
            f" {_listed(policy.public)}",
        )
    if ask.adopt and not _covers(policy.adopt, ask.service):
        raise Refused(
            "policy.adopt",
            f"{ask.service} may not be adopted; right is another service name, or one of"
            f" {_listed(policy.adopt)}",
        )
    _admit_amounts(policy.caps, ask)


def admit_image(policy: Policy, reference: Reference) -> None:
    """The rule for images alone, which a pull without a deployment passes too."""
    if not any(pattern.matches(reference) for pattern in policy.images):
        raise Refused(
            "policy.images",
            f"{reference} is not an allowed image; right is one of {_listed(policy.images)}",
        )


def refuse_target(
    labels: Mapping[str, str], annotations: Mapping[str, str], *, is_function: bool
) -> None:
    """Raises Refused for a service that is a function, another product's, or a part of transship.

    Deploying an image over one of these would take down what its owner does not look for here.
    *is_function* is what Cloud Run itself says (``build_config.function_target``).
    """
    if PART_LABEL in labels:
        raise Refused(
            "target.transship_part",
            f"the service is a part of transship (label {PART_LABEL}: {labels[PART_LABEL]});"
            " right is another service",
        )
    if _MANAGED_BY in labels:
        raise Refused(
            "target.managed",
            f"the service is managed by {labels[_MANAGED_BY]} (label {_MANAGED_BY});"
            " right is another service",
        )
    if (
        is_function
        or _FUNCTION_LABELS & labels.keys()
        or _FUNCTION_ANNOTATIONS & annotations.keys()
    ):
        raise Refused(
            "target.function", "the service is a function, not an image; right is another service"
        )


def _admit_account(policy: Policy, account: str) -> None:
    if not _ACCOUNT.fullmatch(account):
        raise Refused(
            "policy.runtime_accounts",
            f"the runtime account {account[:200]!r} is wrong; right is a service account's e-mail"
            " address in lower case",
        )
    if _DEFAULT_ACCOUNT.fullmatch(account) and Pattern(account) not in policy.runtime_accounts:
        raise Refused(
            "policy.runtime_accounts",
            f"{account} is a default account, which often may edit the whole project; right is an"
            " account of the service's own, or this one listed without wildcards",
        )
    if not any(pattern.matches(account) for pattern in policy.runtime_accounts):
        raise Refused(
            "policy.runtime_accounts",
            f"{account} is not an allowed runtime account; right is none, or one of"
            f" {_listed(policy.runtime_accounts)}",
        )


def _admit_amounts(caps: Caps, ask: Ask) -> None:
    for name, asked, cap, form in (
        ("cpu", ask.cpu, caps.cpu, format_cpu),
        ("memory", ask.memory, caps.memory, format_memory),
        ("timeout", ask.timeout, caps.timeout, format_duration),
        ("concurrency", ask.concurrency, caps.concurrency, str),
        ("min_instances", ask.min_instances, caps.min_instances, str),
        ("max_instances", ask.max_instances, caps.max_instances, str),
    ):
        if asked is not None and asked > cap:
            raise Refused(
                f"policy.caps.{name}",
                f"{name} {form(asked)} is over the cap; right is at most {form(cap)}",
            )


def _covers(patterns: tuple[Pattern, ...], service: ServiceName) -> bool:
    return any(
        pattern.matches(service.service) or pattern.matches(str(service)) for pattern in patterns
    )


def _listed(allowed: tuple[object, ...]) -> str:
    more = len(allowed) - _LISTED_LIMIT
    return (
        ", ".join(map(str, allowed[:_LISTED_LIMIT])) + (f" and {more} more" if more > 0 else "")
        or "none: the list is empty"
    )
