"""What Google Cloud's projects, regions and services are called, and what we call after them.

Rules: Cloud Run's resource names (projects/P/locations/R/services/S), Resource Manager's project
ids, and the answers of the Cloud Run API to names that it refuses.
"""

import hashlib
import re

from msgspec import Struct

from transship.errors import InvalidEvent
from transship.model.reference import Reference

# A domain-scoped id is a legacy that still exists: example.com:my-project.
# https://docs.cloud.google.com/artifact-registry/docs/docker/names#domain
# That an id has at least six characters is left to Google: nothing here depends on it.
_PROJECT = re.compile(r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+:)?[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
# Fewer than 50 characters: https://github.com/pulumi/pulumi-gcp/issues/3167
_SERVICE = re.compile(r"[a-z](?:[a-z0-9-]{0,47}[a-z0-9])?")
_RESOURCE = re.compile(r"projects/([^/]+)/locations/([^/]+)/services/([^/]+)")

# Below Cloud Run's limit, so that a revision tag fits beside it: the two together have at most 46
# characters. https://github.com/firebase/firebase-tools/issues/6137
_DEFAULT_SERVICE_LIMIT = 40


def is_project(text: str) -> bool:
    """Whether *text* is a project's id; its number, a second name of it, is not accepted."""
    return _PROJECT.fullmatch(text) is not None


def is_region(text: str) -> bool:
    return _REGION.fullmatch(text) is not None


class ServiceName(Struct, frozen=True, kw_only=True, order=True):
    """A Cloud Run service, whether it exists or not.

    >>> str(ServiceName(project="sample-project", region="asia-northeast1", service="web"))
    'projects/sample-project/locations/asia-northeast1/services/web'
    """

    project: str
    region: str
    service: str

    def __post_init__(self) -> None:
        if not is_project(self.project):
            raise InvalidEvent(
                f"the project {self.project!r} is wrong; right is its id: lower-case letters,"
                " digits and hyphens, beginning with a letter and not ending with a hyphen"
            )
        if not is_region(self.region):
            raise InvalidEvent(
                f"the region {self.region!r} is wrong; right is for example asia-northeast1"
            )
        if not _SERVICE.fullmatch(self.service):
            raise InvalidEvent(
                f"the service {self.service!r} is wrong; right are at most 49 lower-case letters,"
                " digits and hyphens, beginning with a letter and not ending with a hyphen"
            )

    @property
    def parent(self) -> str:
        """What services are created in and listed by."""
        return f"projects/{self.project}/locations/{self.region}"

    def __str__(self) -> str:
        return f"{self.parent}/services/{self.service}"


def parse_service_name(text: str) -> ServiceName:
    """The service that a resource name means; raises InvalidEvent, which names the wrong part."""
    resource = _RESOURCE.fullmatch(text)
    if not resource:
        raise InvalidEvent(
            f"{text[:200]!r} names no service;"
            " right is projects/PROJECT/locations/REGION/services/SERVICE"
        )
    project, region, service = resource.groups()
    return ServiceName(project=project, region=region, service=service)


def default_service(reference: Reference) -> str:
    """What a service is called that the request does not name: the repository's last component.

    Whatever a service's name may not have becomes a hyphen, a digit in front is preceded by `s-`,
    and 40 characters are kept. Two repositories can come to the same name: name the service then.

    >>> from transship.model.reference import parse_reference
    >>> default_service(parse_reference("dockersamples/static-site"))
    'static-site'
    >>> default_service(parse_reference("ghcr.io/someone/2048__game:v1"))
    's-2048-game'
    """
    component = reference.repository.rpartition("/")[2]
    name = re.sub(r"[^a-z0-9]+", "-", component)
    if name[0].isdigit():
        name = f"s-{name}"
    return name[:_DEFAULT_SERVICE_LIMIT].rstrip("-")


def tracking_label(repository: str) -> str:
    """The key of the label by which the services are found that track a tag of *repository*.

    Takes Reference.name, since the same path at two registries is two repositories. A label's key
    has at most 63 characters, none of them a dot or slash, hence the hash.

    >>> tracking_label("docker.io/library/nginx")
    'transship-7e59ad64326bc321517fb6fc6586de5ee1491783'
    """
    return f"transship-{hashlib.sha256(repository.encode()).hexdigest()[:40]}"
