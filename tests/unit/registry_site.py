"""The site that the scripted registry serves where a test does not say otherwise."""

from tests.unit.scripted_registry import MIRROR, Contents, Reply, digest_of
from transship.model.reference import parse_reference

IN_MIRROR = parse_reference(f"{MIRROR}/sample-project/docker/dockersamples/static-site:latest")


def site() -> Contents:
    contents = Contents()
    contents.add_image([b"layer"], "latest")
    return contents


def served(**headers: str) -> Reply:
    """The static site's manifest, with other headers; an empty one is left out."""
    content, media_type = site().manifests["latest"]
    named = {
        "Content-Type": media_type,
        "Docker-Content-Digest": str(digest_of(content)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return Reply(headers=[item for item in named.items() if item[1]], body=content)


SITE_DIGEST = digest_of(served().body)
