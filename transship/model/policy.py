"""What requests may ask for, decided before anything is touched.

Every refusal names the rule and what would be right. Requests made by a refresh pass here too: a
policy that was tightened holds for services that were deployed before.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

from transship.errors import Refused
from transship.model.naming import ServiceName
from transship.model.pattern import ImagePattern, Pattern
from transship.model.policy_reach import Reach, Reached, admit_reach, listed
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

# infra/ puts this label on every function that transship consists of.
PART_LABEL = "transship-part"


class Target(Struct, frozen=True, kw_only=True):
    """A project, and the regions in it that services may be in."""

    project: str
    region: Pattern

    def matches(self, service: ServiceName) -> bool:
        return service.project == self.project and self.region.matches(service.region)

    def __str__(self) -> str:
        return f"{self.project}/{self.region}"


class Caps(Struct, frozen=True, kw_only=True):
    """The most that a request may name; cpu in thousandths, memory in bytes, timeout in seconds."""

    cpu: int
    memory: int
    timeout: int
    concurrency: int
    min_instances: int
    max_instances: int
    gpu: int


class Policy(Struct, frozen=True, kw_only=True):
    """*public*, *adopt* and *breakglass* cover a service's own name or its resource name.

    *breakglass*: binary authorization may be passed by, switched off, or held to another policy.
    """

    images: tuple[ImagePattern, ...]
    targets: tuple[Target, ...]
    runtime_accounts: tuple[Pattern, ...]
    public: tuple[Pattern, ...]
    adopt: tuple[Pattern, ...]
    breakglass: tuple[Pattern, ...]
    reach: Reach
    caps: Caps


class Ask(Struct, frozen=True, kw_only=True):
    """What a request wants; None where it names nothing, which needs no permission.

    *reference* is the upstream's, also where the request named an image in a mirror.
    """

    reference: Reference
    service: ServiceName
    runtime_account: str | None = None
    public: bool = False
    adopt: bool = False
    breakglass: bool = False
    reached: Reached | None = None
    cpu: int | None = None
    memory: int | None = None
    timeout: int | None = None
    concurrency: int | None = None
    min_instances: int | None = None
    max_instances: int | None = None
    # Of all revisions together.
    min: int | None = None
    max: int | None = None
    scaling: int | None = None
    gpu: int | None = None


def admit(policy: Policy, ask: Ask) -> None:
    """Raises Refused, with the first rule that says no."""
    admit_image(policy, ask.reference)
    if not any(target.matches(ask.service) for target in policy.targets):
        raise Refused(
            "policy.targets",
            f"{ask.service} is in no allowed project and region;"
            f" right is one of {listed(policy.targets)}",
        )
    if ask.runtime_account is not None:
        _admit_account(policy, ask.runtime_account)
    if ask.public and not _covers(policy.public, ask.service):
        raise Refused(
            "policy.public",
            f"{ask.service} may not be public; right is allow_unauthenticated: false, without"
            " invoker_iam_check: false, or one of"
            f" {listed(policy.public)}",
        )
    if ask.adopt and not _covers(policy.adopt, ask.service):
        raise Refused(
            "policy.adopt",
            f"{ask.service} may not be adopted; right is another service name, or one of"
            f" {listed(policy.adopt)}",
        )
    if ask.breakglass and not _covers(policy.breakglass, ask.service):
        raise Refused(
            "policy.breakglass",
            f"{ask.service} may not pass by binary authorization; right is"
            f" binary_authorization: default without breakglass, or one of"
            f" {listed(policy.breakglass)}",
        )
    if ask.reached is not None:
        admit_reach(policy.reach, ask.reached)
    _admit_amounts(policy.caps, ask)


def admit_image(policy: Policy, reference: Reference) -> None:
    """The rule for images alone, which a pull without a deployment passes too."""
    if not any(pattern.matches(reference) for pattern in policy.images):
        raise Refused(
            "policy.images",
            f"{reference} is not an allowed image; right is one of {listed(policy.images)}",
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
            f" {listed(policy.runtime_accounts)}",
        )


def _admit_amounts(caps: Caps, ask: Ask) -> None:
    for cap, name, form in (
        ("cpu", "cpu", format_cpu),
        ("memory", "memory", format_memory),
        ("timeout", "timeout", format_duration),
        ("concurrency", "concurrency", str),
        ("min_instances", "min_instances", str),
        ("min_instances", "min", str),
        # That many are there whether anybody asks or not.
        ("min_instances", "scaling", str),
        ("max_instances", "max_instances", str),
        ("max_instances", "max", str),
        ("gpu", "gpu", str),
    ):
        asked, most = getattr(ask, name), getattr(caps, cap)
        if asked is not None and asked > most:
            raise Refused(
                f"policy.caps.{cap}",
                f"{name} {form(asked)} is over the cap; right is at most {form(most)}",
            )


def _covers(patterns: tuple[Pattern, ...], service: ServiceName) -> bool:
    return any(
        pattern.matches(service.service) or pattern.matches(str(service)) for pattern in patterns
    )
