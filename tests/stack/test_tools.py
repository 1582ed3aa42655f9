"""The tools that people have already, unmodified and without an account, against a stack as they
have it: what `eval "$(python -m local env)"` sets, and nothing more.
"""

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import oras.client
import pytest
from google.pubsub_v1 import PubsubMessage

from local import home, world
from local.running import running
from local.samples import site

pytestmark = pytest.mark.stack

IMAGE = "library/hello"


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a second terminal; *hello* was deployed, so that the mirror has it."""
    folder = tmp_path_factory.mktemp("tools")
    with running(folder / "stack", shelf=[site(IMAGE, "Hello")]) as stack:
        message = json.dumps({"image": "hello", "allow_unauthenticated": True}).encode()
        stack.stack.publisher().publish(topic=world.DEPLOY, messages=[PubsubMessage(data=message)])
        heard = stack.outcomes.after(0, wait=60)
        assert [each.outcome["type"] for each in heard] == ["dev.transship.deployed.v1"], heard
        yield {
            **home.look(folder / "stack").env,
            "CLOUDSDK_CONFIG": str(folder / "gcloud"),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "DOCKER_CONFIG": str(folder / "docker"),
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
        }


def run(env: Mapping[str, str], tool: str, *arguments: str, given: str = "") -> str:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run(
        [tool, *arguments],
        env=dict(env),
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def gcloud(env: Mapping[str, str], *arguments: str) -> Any:
    return json.loads(run(env, "gcloud", *arguments, "--format=json"))


def token(env: Mapping[str, str]) -> str:
    return Path(env["CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"]).read_text().strip()


def test_gcloud_lists_the_services_of_all_regions(env: dict[str, str]) -> None:
    (service,) = gcloud(env, "run", "services", "list")
    assert service["metadata"]["name"] == "hello"
    assert service["status"]["url"].startswith("http://127.0.0.1:")


def test_gcloud_finds_a_service_in_its_region_alone(env: dict[str, str]) -> None:
    here = f"--region={world.LOCATION}"
    (listed,) = gcloud(env, "run", "services", "list", here)
    assert gcloud(env, "run", "services", "describe", "hello", here) == listed
    assert gcloud(env, "run", "services", "list", "--region=us-central1") == []


def test_gcloud_lists_what_the_mirror_has(env: dict[str, str]) -> None:
    images = gcloud(env, "artifacts", "docker", "images", "list", world.MIRROR, "--include-tags")
    assert {image["package"] for image in images} == {f"{world.MIRROR}/{IMAGE}"}
    assert "latest" in {tag for image in images for tag in image["tags"]}


def test_gcloud_lists_the_mirror_itself(env: dict[str, str]) -> None:
    (mirror,) = gcloud(env, "artifacts", "repositories", "list", f"--location={world.LOCATION}")
    assert (mirror["mode"], mirror["format"]) == ("REMOTE_REPOSITORY", "DOCKER")


def test_gcloud_publishes_and_reads_what_came_of_it(env: dict[str, str]) -> None:
    gcloud(env, "pubsub", "subscriptions", "create", "seen", "--topic=transship-outcomes")
    published = gcloud(
        env, "pubsub", "topics", "publish", "transship-deploy", '--message={"image": "hello"}'
    )
    (event_id,) = published["messageIds"]
    for _ in range(10):
        for pulled in gcloud(env, "pubsub", "subscriptions", "pull", "seen", "--auto-ack"):
            if pulled["message"]["attributes"]["event_id"] == event_id:
                assert pulled["message"]["attributes"]["type"] == "dev.transship.deployed.v1"
                return
    pytest.fail("no outcome came")


def test_gcloud_reads_the_log_as_operations_md_says(env: dict[str, str]) -> None:
    words = r'jsonPayload.type=~"^dev\.transship\." AND jsonPayload.service="hello"'
    read = ("logging", "read", f"--project={world.PROJECT}", "--freshness=1d", "--limit=20", words)
    entries = gcloud(env, *read)
    assert "dev.transship.deployed.v1" in {entry["jsonPayload"]["type"] for entry in entries}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "services", "update-traffic", "hello", "--to-latest"), "does not implement PUT"),
        (("run", "revisions", "list"), "does not implement GET"),
        (("logging", "read", "severity>=ERROR"), "does not know the filter"),
        (("scheduler", "jobs", "describe", "transship-sweep"), "no part of the local cloud"),
        (("secrets", "versions", "list", "docker-hub-token"), "no part of the local cloud"),
    ],
)
def test_gcloud_is_refused_at_once_what_is_not_implemented(
    env: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed")
    place = {"run": [f"--region={world.LOCATION}"], "scheduler": [f"--location={world.LOCATION}"]}
    done = subprocess.run(
        ["gcloud", *arguments, *place.get(arguments[0], [])],
        env=env,
        capture_output=True,
        text=True,
        timeout=15,  # asked again and again it would take thirty seconds
        check=False,
    )
    assert done.returncode == 1
    assert "UNIMPLEMENTED" in done.stderr
    assert said in done.stderr


def test_skopeo_reads_both_registries_and_sees_one_image(env: dict[str, str]) -> None:
    inspect = ("inspect", "--tls-verify=false")
    hub = run(env, "skopeo", *inspect, f"docker://{env['LOCAL_HUB']}/{IMAGE}")
    mirror = run(
        env,
        "skopeo",
        *inspect,
        "--creds",
        f"oauth2accesstoken:{token(env)}",
        f"docker://{env['LOCAL_MIRROR']}/{IMAGE}",
    )
    assert json.loads(hub)["Digest"] == json.loads(mirror)["Digest"]


def test_docker_inspects_a_manifest_without_an_engine(env: dict[str, str]) -> None:
    index = run(
        env, "docker", "manifest", "inspect", "--insecure", f"{env['LOCAL_HUB']}/{IMAGE}:latest"
    )
    platforms = {each["platform"]["architecture"] for each in json.loads(index)["manifests"]}
    assert {"amd64", "arm64"} <= platforms


def test_oras_reads_a_manifest(env: dict[str, str]) -> None:
    client = oras.client.OrasClient(hostname=env["LOCAL_HUB"], insecure=True, auth_backend="token")
    manifest = client.get_manifest(
        f"{env['LOCAL_HUB']}/{IMAGE}:latest",
        allowed_media_type=["application/vnd.oci.image.index.v1+json"],
    )
    assert manifest["mediaType"] == "application/vnd.oci.image.index.v1+json"


def test_the_api_knows_whom_it_answers_and_says_what_it_has_not(env: dict[str, str]) -> None:
    base = env["CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY"]
    parent = f"v1/projects/{world.PROJECT}/locations/{world.LOCATION}/repositories"

    def status(path: str, bearer: str, method: str = "GET") -> int:
        request = urllib.request.Request(f"{base}{path}", method=method)
        request.add_header("Authorization", f"Bearer {bearer}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    assert status(parent, token(env)) == 200
    assert status(parent, "ya29.somebody-elses") == 401
    assert status(parent, "ya29.local.nobody@example.com") == 403
    assert status(f"{parent}/none", token(env)) == 404
    assert status(parent, token(env), "DELETE") == 501
