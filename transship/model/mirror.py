"""The Artifact Registry remote repositories through which images are pulled, and their names.

A remote repository serves its upstream's images under its own path,
LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE, with `library/` kept
(https://docs.cloud.google.com/artifact-registry/docs/docker/names). A virtual repository in front
of one has the same form and is a mirror too.
"""

import re

from msgspec import Struct
from msgspec.structs import replace

from transship.errors import InvalidReference, NoMirror
from transship.model.naming import is_project
from transship.model.reference import DOCKER_HUB, Reference, check_registry

# The project of a domain is two components: example.com/my-project.
_TEXT = re.compile(r"([^=]+)=([^/]+)-docker\.pkg\.dev/(?:([^/]+)/)?([^/]+)/([^/]+)")
# A region such as asia-northeast1 or a multi-region such as us.
_LOCATION = re.compile(r"[a-z]+(?:-[a-z]+[0-9]+)?")
_REPOSITORY = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Mirror(Struct, frozen=True, kw_only=True):
    """*repository* is Artifact Registry's word: the mirror's own name in its project.

    Raises ValueError, which names the part: mirrors come from the configuration.
    """

    upstream: str = DOCKER_HUB
    location: str
    project: str
    repository: str

    def __post_init__(self) -> None:
        try:
            check_registry(self.upstream)
        except InvalidReference as error:
            raise ValueError(f"the upstream of the mirror {self.repository!r}: {error}") from error
        if not _LOCATION.fullmatch(self.location):
            raise ValueError(
                f"the location {self.location!r} of the mirror is wrong; right is a region such as"
                " asia-northeast1 or a multi-region such as us"
            )
        if not is_project(self.project):
            raise ValueError(
                f"the project {self.project!r} of the mirror is wrong; right is a project's id"
            )
        if not _REPOSITORY.fullmatch(self.repository):
            raise ValueError(
                f"the repository {self.repository!r} of the mirror is wrong; right are at most 63"
                " lower-case letters, digits and hyphens, beginning with a letter"
            )

    @property
    def host(self) -> str:
        return f"{self.location}-docker.pkg.dev"

    @property
    def prefix(self) -> str:
        """What every image in the mirror begins with, without the slash that follows."""
        return f"{self.host}/{self._path}"

    @property
    def _path(self) -> str:
        # Docker's names have no room for the colon of a domain-scoped project.
        # https://docs.cloud.google.com/artifact-registry/docs/docker/names#domain
        return f"{self.project.replace(':', '/')}/{self.repository}"

    def serving(self, reference: Reference) -> Reference:
        """Where the mirror serves the upstream's *reference*, with its tag and digest."""
        if reference.registry != self.upstream:
            raise NoMirror(f"{self} does not serve {reference}")
        return replace(
            reference, registry=self.host, repository=f"{self._path}/{reference.repository}"
        )

    def holds(self, reference: Reference) -> bool:
        """Whether *reference* names an image in this mirror."""
        return reference.name.startswith(f"{self.prefix}/")

    def served(self, reference: Reference) -> Reference:
        """What the mirror's *reference* is at the upstream, with its tag and digest.

        Artifact Registry takes official images with and without `library/`; so does this.
        """
        if not self.holds(reference):
            raise NoMirror(f"{reference} is not in {self}")
        repository = reference.name.removeprefix(f"{self.prefix}/")
        if self.upstream == DOCKER_HUB and "/" not in repository:
            repository = f"library/{repository}"
        return replace(reference, registry=self.upstream, repository=repository)

    def __str__(self) -> str:
        return f"{self.upstream}={self.prefix}"


class Mirrors(Struct, frozen=True):
    """At most one mirror for each upstream."""

    mirrors: tuple[Mirror, ...]

    def __post_init__(self) -> None:
        for part, values in (
            ("upstream", [mirror.upstream for mirror in self.mirrors]),
            ("repository", [mirror.prefix for mirror in self.mirrors]),
        ):
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"two mirrors have the {part} {twice[0]}; right is one")

    def of(self, reference: Reference) -> tuple[Mirror, Reference] | None:
        """The mirror that *reference* is in, and what it is at the upstream."""
        for mirror in self.mirrors:
            if mirror.holds(reference):
                return mirror, mirror.served(reference)
        return None

    def upstream_of(self, reference: Reference) -> Reference:
        """The upstream image that is meant, also by a reference that names one of our mirrors."""
        held = self.of(reference)
        return reference if held is None else held[1]

    def for_upstream(self, reference: Reference) -> Mirror:
        """The mirror of the image that is meant; raises NoMirror, which lists those there are."""
        upstream = self.upstream_of(reference).registry
        for mirror in self.mirrors:
            if mirror.upstream == upstream:
                return mirror
        there_are = ", ".join(map(str, self.mirrors)) or "none"
        raise NoMirror(f"{reference}: no mirror serves {upstream}; mirrors there are: {there_are}")


def parse_mirror(text: str) -> Mirror:
    """The mirror in ``UPSTREAM=LOCATION-docker.pkg.dev/PROJECT/REPOSITORY``.

    >>> parse_mirror("docker.io=asia-northeast1-docker.pkg.dev/sample-project/docker").location
    'asia-northeast1'
    """
    parts = _TEXT.fullmatch(text)
    if not parts:
        raise ValueError(
            f"the mirror {text!r} is wrong; right is"
            " UPSTREAM=LOCATION-docker.pkg.dev/PROJECT/REPOSITORY"
        )
    upstream, location, domain, project, repository = parts.groups()
    return Mirror(
        upstream=upstream,
        location=location,
        project=f"{domain}:{project}" if domain else project,
        repository=repository,
    )


def parse_mirrors(text: str) -> Mirrors:
    """The mirrors of a comma-separated list."""
    return Mirrors(tuple(parse_mirror(part.strip()) for part in text.split(",") if part.strip()))
