"""Google's own clients, pointed at a running stack by the environment that it announces."""

import urllib.request
from collections.abc import Mapping
from typing import Any

import grpc
from google.cloud import artifactregistry_v1, run_v2
from google.iam.v1 import iam_policy_pb2
from google.pubsub_v1 import PublisherClient

from local import world
from local.manifests import OCI

_EVERYBODY = "allUsers"
_TIMEOUT = 10.0


def publish(env: Mapping[str, str], topic: str, data: bytes) -> str:
    """The id of the message."""
    publisher = _made(PublisherClient, env["PUBSUB_EMULATOR_HOST"])
    published = publisher.publish(topic=topic, messages=[{"data": data}], timeout=_TIMEOUT)
    return str(published.message_ids[0])


def topics(env: Mapping[str, str]) -> list[str]:
    """Their short names, in order."""
    publisher = _made(PublisherClient, env["PUBSUB_EMULATOR_HOST"])
    found = publisher.list_topics(project=f"projects/{world.PROJECT}", timeout=_TIMEOUT)
    return sorted(topic.name.rpartition("/")[2] for topic in found)


def services(env: Mapping[str, str]) -> list[tuple[run_v2.Service, bool]]:
    """Each service, and whether everybody may call it."""
    client = _made(run_v2.ServicesClient, env["TRANSSHIP_LOCAL_RUN"])
    found = client.list_services(
        parent=f"projects/{world.PROJECT}/locations/{world.LOCATION}", timeout=_TIMEOUT
    )
    return [(service, _is_public(client, service.name)) for service in found]


def mirrored(env: Mapping[str, str]) -> list[artifactregistry_v1.DockerImage]:
    """What the Cloud Run console's image picker lists."""
    client = _made(
        artifactregistry_v1.ArtifactRegistryClient, env["TRANSSHIP_LOCAL_ARTIFACT_REGISTRY"]
    )
    place = f"projects/{world.PROJECT}/locations/{world.LOCATION}/repositories/{world.REMOTE}"
    return list(client.list_docker_images(parent=place, timeout=_TIMEOUT))


def read_through_mirror(env: Mapping[str, str], repository: str, *, account: str) -> None:
    """What the first request of a `docker pull` of the tag latest is."""
    hosts = dict(entry.split("=", 1) for entry in env["TRANSSHIP_LOCAL_HOSTS"].split(","))
    place = f"{world.PROJECT}/{world.REMOTE}/{repository}"
    request = urllib.request.Request(
        f"{hosts[world.MIRROR_HOST]}/v2/{place}/manifests/latest",
        headers={
            "Host": world.MIRROR_HOST,
            "Authorization": f"Bearer ya29.local.{account}",
            "Accept": f"{OCI.index}, {OCI.manifest}",
        },
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
        answer.read()


def _is_public(client: Any, name: str) -> bool:
    request = iam_policy_pb2.GetIamPolicyRequest(resource=name)
    policy = client.get_iam_policy(request=request, timeout=_TIMEOUT)
    return any(_EVERYBODY in binding.members for binding in policy.bindings)


def _made(client: Any, address: str) -> Any:
    transport = client.get_transport_class("grpc")
    return client(transport=transport(channel=grpc.insecure_channel(address)))
