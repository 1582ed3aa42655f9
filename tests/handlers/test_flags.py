"""Every flag at once, through the function itself: deployed once, and then nothing to do."""

import json
from typing import Any

import pytest

from local import world
from tests.fixtures.functions import SITE, Cloud, running
from tests.fixtures.operations import finished

POLICY = {
    **json.loads(world.POLICY),
    "secrets": ["site-*"],
    "volumes": {"buckets": ["site-*"], "cloudsql_instances": [f"{world.PROJECT}:*:db"]},
    "networks": ["default", "run"],
    "network_tags": ["web"],
}
MESSAGE: dict[str, Any] = {
    "image": SITE,
    "service": "web",
    "cloudsql_instances": ["db"],
    "cpu_boost": True,
    "cpu_throttling": False,
    "default_url": True,
    "description": "the site",
    "env_vars": {"GREETING": "hello"},
    "execution_environment": "gen2",
    "liveness_probe": {"http_get": {"path": "/"}},
    "max": 3,
    "min": 0,
    "network": "default",
    "network_tags": ["web"],
    "readiness_probe": {"http_get": {"path": "/"}},
    "scaling": "auto",
    "secrets": {"PASSWORD": "site-password:1", "/etc/keys/token": "site-token:latest"},
    "session_affinity": True,
    "startup_probe": {"http_get": {"path": "/"}, "period_seconds": 5},
    "subnet": "run",
    "use_http2": False,
    "volumes": {
        "cache": {"type": "in-memory", "mount_path": "/cache", "size_limit": "64Mi"},
        "files": {"type": "cloud-storage", "mount_path": "/files", "bucket": "site-files"},
    },
    "vpc_egress": "all-traffic",
}


def test_the_same_flags_again_make_no_revision(cloud: Cloud) -> None:
    with running("deploy_image", cloud.settings(TRANSSHIP_POLICY=json.dumps(POLICY))) as deployer:
        deployer.push(MESSAGE)
        assert cloud.last()["reason"] == "new_service"

        deployer.push(MESSAGE)
        assert (cloud.last()["changed"], cloud.last()["reason"]) == (False, "up_to_date")

        # Somebody else wrote since, so that what was asked for last no longer says how it is.
        service = cloud.service("web")
        service.client = "somebody"
        service.annotations["example.com/owner"] = "them"
        finished(cloud.services.update_service(service=service))
        deployer.push(MESSAGE)
        assert (cloud.last()["changed"], cloud.last()["reason"]) == (False, "up_to_date")

    assert len(cloud.revision_names("web")) == 1


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        ({"secrets": {"A": "other:1"}}, "policy.secrets"),
        ({"update_secrets": {"A": "other:1"}}, "policy.secrets"),
        ({"invoker_iam_check": False}, "policy.public"),
        ({"network": "other"}, "policy.networks"),
    ],
)
def test_what_policy_does_not_list_is_rejected_and_nothing_is_written(
    cloud: Cloud, message: dict[str, Any], rule: str
) -> None:
    policy = {**POLICY, "public": []}
    with running("deploy_image", cloud.settings(TRANSSHIP_POLICY=json.dumps(policy))) as deployer:
        assert deployer.push({"image": SITE, "service": "web", **message}) == 200

    assert rule in json.dumps(cloud.last())
    assert cloud.writes() == []
