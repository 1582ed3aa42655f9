"""Resource names: what may be called what, and where a thing stands.

https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2
"""

import re
import secrets
from dataclasses import dataclass

from local.run.errors import invalid

_PARENT = re.compile(r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)")
_SERVICE = re.compile(rf"{_PARENT.pattern}/services/(?P<service>[^/]+)")
_REVISION = re.compile(rf"{_SERVICE.pattern}/revisions/(?P<revision>[^/]+)")

# Fewer than 50 characters: https://github.com/pulumi/pulumi-gcp/issues/3167
_SERVICE_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,47}[a-z0-9])?")
# Fewer than 64: https://github.com/pipe-cd/pipecd/issues/5688
_REVISION_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
# Letters that cannot make a word, as Kubernetes picks them.
_ALPHABET = "bcdfghjklmnpqrstvwxz"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parent:
    project: str
    location: str

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"

    def service(self, service_id: str) -> str:
        return f"{self}/services/{service_id}"


def parse_parent(text: str) -> Parent:
    found = _PARENT.fullmatch(text)
    if found is None:
        raise invalid("parent", f"expected projects/PROJECT/locations/REGION, got {text!r}")
    parent = Parent(project=found["project"], location=found["location"])
    if parent.location == "-":
        raise invalid("parent", "location '-' is not supported: name a region")
    return parent


def parse_service(text: str, *, field: str = "name") -> tuple[Parent, str]:
    found = _SERVICE.fullmatch(text)
    if found is None:
        raise invalid(
            field, f"expected projects/PROJECT/locations/REGION/services/SERVICE, got {text!r}"
        )
    return parse_parent(str(text).rsplit("/services/", 1)[0]), found["service"]


def parse_revision(text: str) -> tuple[str, str]:
    """The full name of the service, and the short one of the revision."""
    if _REVISION.fullmatch(text) is None:
        raise invalid("name", f"expected .../services/SERVICE/revisions/REVISION, got {text!r}")
    service, revision = text.rsplit("/revisions/", 1)
    return service, revision


def check_service_id(service_id: str) -> None:
    if not _SERVICE_ID.fullmatch(service_id):
        raise invalid(
            "service_id",
            f"{service_id!r} must use only lowercase letters, digits and dashes, begin with a "
            "letter, not end with a dash, and be shorter than 50 characters",
        )


def check_revision_id(revision: str, service_id: str) -> None:
    if not revision.startswith(f"{service_id}-"):
        raise invalid(
            "service.template.revision", f"{revision!r} must be prefixed by '{service_id}-'"
        )
    if not _REVISION_ID.fullmatch(revision):
        raise invalid(
            "service.template.revision",
            f"{revision!r} must use only lowercase letters, digits and dashes, begin with a "
            "letter, not end with a dash, and be shorter than 64 characters",
        )


def generated_revision(service_id: str, number: int) -> str:
    suffix = "".join(secrets.choice(_ALPHABET) for _ in range(3))
    return f"{service_id}-{number:05d}-{suffix}"


def short(name: str) -> str:
    return name.rsplit("/", 1)[-1]
