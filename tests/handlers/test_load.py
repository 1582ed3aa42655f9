"""What a function loads before it knows that there is anything to do."""

import json
import os
import subprocess
import sys

import pytest

from local import world
from tests.fixtures.events import event
from tests.fixtures.functions import MAIN, ROOT

_SCRIPT = """
import json, sys
import functions_framework
app = functions_framework.create_app(sys.argv[1], sys.argv[2])
status = app.test_client().post("/", data=sys.argv[3], headers={
    "Content-Type": "application/json", "X-Goog-Pubsub-Message-Id": "1"}).status_code
slow = ("google.api_core", "google.cloud.run_v2", "google.pubsub_v1", "grpc")
print(json.dumps([status, sorted(name for name in sys.modules if name in slow)]), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("principal", "method"),
    [(world.DEPLOYER, "Docker-GetManifest"), ("developer@example.com", "Docker-ServeBlob")],
)
def test_a_hint_that_is_ignored_loads_no_client_of_google(principal: str, method: str) -> None:
    entry = event("synthetic_audit_get_manifest_by_tag")
    entry["protoPayload"]["authenticationInfo"]["principalEmail"] = principal
    entry["protoPayload"]["methodName"] = method
    settings = {
        "FUNCTION_TARGET": "refresh_services",
        "TRANSSHIP_PROJECT": world.PROJECT,
        "TRANSSHIP_REGION": world.LOCATION,
        "TRANSSHIP_MIRRORS": f"docker.io={world.MIRROR}",
        "TRANSSHIP_OUTCOMES_TOPIC": world.OUTCOMES,
        "TRANSSHIP_REDEPLOY_TOPIC": world.REDEPLOY,
        "TRANSSHIP_WARM_TOPIC": world.WARM,
        "TRANSSHIP_IGNORED_PRINCIPALS": world.DEPLOYER,
    }

    ran = subprocess.run(
        [sys.executable, "-c", _SCRIPT, "refresh_services", str(MAIN), json.dumps(entry)],
        env={**os.environ, **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stderr.splitlines()[-1]) == [200, []], ran.stdout
