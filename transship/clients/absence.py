"""What an upstream does not have, in the words of whoever wrote the image's name.

A registry's own words for it help nobody: Docker Hub answers 401 to a name that is not there, and
a HEAD is answered without a body. A mirror's refusal means other things: failures.py.
"""

from http import HTTPStatus

from transship.clients.failures import is_artifact_registry
from transship.errors import AccessDenied, ImageNotFound, TransshipError
from transship.model.reference import DOCKER_HUB, Reference


def absent(status: int, host: str, reference: Reference, path: str) -> TransshipError | None:
    """The error where *host* does not have what *path* of *reference* names; else None."""
    if is_artifact_registry(host):
        return None
    name, there = reference.name, _place(reference)
    answered = f"({host} answers {status})"
    if status == HTTPStatus.UNAUTHORIZED:
        return AccessDenied(
            f"{name} does not exist {there}, or is private {answered}: is the name right? What is"
            " private takes TRANSSHIP_UPSTREAM_CREDENTIALS"
        )
    if status != HTTPStatus.NOT_FOUND or reference.digest is not None:
        return None
    if path.startswith("tags/"):
        return ImageNotFound(f"{name} does not exist {there} {answered}")
    if path.startswith("manifests/"):
        return ImageNotFound(
            f"{name} has no tag {reference.tag} {there} {answered};"
            f" `transship tags {reference.familiar_name}` lists those that it has"
        )
    return None


def _place(reference: Reference) -> str:
    return "on Docker Hub" if reference.registry == DOCKER_HUB else f"at {reference.registry}"
