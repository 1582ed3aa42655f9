"""A message of people, applied to a service as a deploy does."""

import json
from typing import Any

from google.cloud import run_v2

from local import world
from tests.fixtures.cloud_run import NAME, TWO, World, wanted
from transship.model.messages import DeployRequest, decode_message
from transship.model.normal_form import settings_in
from transship.model.settings import Settings

SECRETS = {"PASSWORD": "password:1", "/etc/keys/token": "token:latest", "/etc/keys/old": "token:3"}
VOLUMES = {
    "cache": {"type": "in-memory", "mount_path": "/cache", "size_limit": "1024Mi"},
    "files": {
        "type": "cloud-storage",
        "mount_path": "/files",
        "bucket": "site-files",
        "readonly": True,
        "mount_options": ["implicit-dirs"],
    },
    "share": {"type": "nfs", "mount_path": "/share", "location": "10.0.0.2:/share"},
}
GPU = {"cpu": "4", "memory": "16Gi", "cpu_throttling": False, "concurrency": 8}


def settings(**message: Any) -> Settings:
    request = decode_message(json.dumps({"image": world.IMAGE, **message}).encode())
    assert isinstance(request, DeployRequest)
    return settings_in(request, NAME)


def apply(at: World, **message: Any) -> run_v2.Service:
    """A message is applied to the service that there is; what the API says then."""
    at.services.replace(at.read(), wanted(TWO, settings(**message)))
    return at.said()


def put(at: World, **message: Any) -> run_v2.RevisionTemplate:
    return apply(at, **message).template
