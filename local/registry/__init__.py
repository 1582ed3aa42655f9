"""Registries on one machine: Docker Hub, and Artifact Registry's remote repositories before it.

They speak the wire protocols of the real ones, so that any client can be used with them. The
Artifact Registry API, ``local.registry.artifact_registry``, is apart: it needs Google's client.
"""

from local.registry.audit import Logged
from local.registry.hub import DOCKER_HUB, GHCR, DockerHub, Names
from local.registry.mirror import BlobRedirect, Mirror
from local.registry.remote import Doubts
from local.registry.upstream import Upstream

__all__ = [
    "DOCKER_HUB",
    "GHCR",
    "BlobRedirect",
    "DockerHub",
    "Doubts",
    "Logged",
    "Mirror",
    "Names",
    "Upstream",
]
