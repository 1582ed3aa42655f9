"""Registries on one machine: Docker Hub, and Artifact Registry's remote repositories before it.

They speak the wire protocols of the real ones, so that any client can be used with them.
"""

from local.registry.hub import DOCKER_HUB, GHCR, DockerHub, Names

__all__ = ["DOCKER_HUB", "GHCR", "DockerHub", "Names"]
