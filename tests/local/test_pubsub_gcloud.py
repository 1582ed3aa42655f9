"""The Cloud SDK's own command line, unmodified, against our REST face."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.pubsub.emulator import Emulator

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")

Gcloud = Callable[..., Any]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def gcloud(emulator: Emulator, tmp_path: Path) -> Gcloud:
    """Run `gcloud pubsub …` with settings of its own; what it prints as JSON."""
    env = {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": emulator.rest_url,
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CONFIG": str(tmp_path),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_CORE_PROJECT": "sample-project",
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
    }

    def run(*arguments: str) -> Any:
        done = subprocess.run(
            ["gcloud", "pubsub", *arguments, "--format=json"],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_a_message_goes_from_gcloud_to_gcloud(gcloud: Gcloud, emulator: Emulator) -> None:
    gcloud("topics", "create", "transship-deploy")
    gcloud("subscriptions", "create", "deploy", "--topic=transship-deploy", "--ack-deadline=60")
    published = gcloud(
        "topics", "publish", "transship-deploy", "--message=data", "--attribute=kind=image"
    )
    (pulled,) = gcloud("subscriptions", "pull", "deploy", "--limit=1", "--auto-ack")
    assert [pulled["message"]["messageId"]] == published["messageIds"]
    assert pulled["message"]["attributes"] == {"kind": "image"}
    assert not emulator.backlog("projects/sample-project/subscriptions/deploy")
