"""The addresses of the local Cloud Run's services: who gets in, and whose turn it is."""

import socket
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import run_v2
from google.iam.v1 import policy_pb2

from local.images import image, static_site
from local.layers import File, busybox_layer, files_layer
from local.manifests import Image
from local.run import Behaviour, CloudRun
from tests.fixtures.operations import finished
from tests.local.run_region import (
    LATEST,
    REVISION,
    Region,
    eventually,
    region_of,
    serving,
)
from tests.local.run_shelf import Shelf

_ECHO = b"""#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
echo "$REQUEST_METHOD $REQUEST_URI $HTTP_X_FORWARDED_FOR $HTTP_HOST $HTTP_CONNECTION $K_REVISION"
cat
"""


def echo() -> Image:
    files = files_layer(
        {
            "www/cgi-bin/echo": File(content=_ECHO, mode=0o755),
            "www/cgi-bin/slow": File(content=b"#!/bin/sh\nexec sleep 30\n", mode=0o755),
        }
    )
    command = "exec httpd -f -p $PORT -h /www"
    return image(
        [busybox_layer(), files], {"Cmd": ["/bin/sh", "-c", command], "Env": ["PATH=/bin"]}
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CloudRun, str]]:
    root: Path = tmp_path_factory.mktemp("cloud-run")
    with (
        Shelf() as shelf,
        CloudRun(
            root=root,
            host_map=shelf.host_map,
            project_numbers={"sample-project": 123456789012},
        ) as cloud_run,
    ):
        yield cloud_run, shelf.put(echo())


@pytest.fixture
def cloud_run(world: tuple[CloudRun, str]) -> CloudRun:
    before = world[0].behaviour
    behaviour = Behaviour()
    for name in Behaviour.__slots__:
        setattr(before, name, getattr(behaviour, name))
    return world[0]


@pytest.fixture
def region(cloud_run: CloudRun, world: tuple[CloudRun, str]) -> Iterator[Region]:
    with region_of(cloud_run, world[1]) as region:
        yield region
        region.clean()


@pytest.fixture
def service(region: Region) -> run_v2.Service:
    asked = region.asked()
    asked.invoker_iam_disabled = True
    return region.create(asked)


def asked_of(url: str, *, body: bytes | None = None, authorization: str = "") -> str:
    headers = {"Authorization": authorization} if authorization else {}
    request = urllib.request.Request(url, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return str(response.read().decode())


def who_answers(service: run_v2.Service) -> str:
    return asked_of(f"{service.uri}/cgi-bin/echo").split()[-1]


def refused(url: str, authorization: str = "") -> int:
    try:
        asked_of(url, authorization=authorization)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    return 200


def test_a_private_service_answers_its_invokers_alone(region: Region) -> None:
    service = region.create()
    policy = policy_pb2.Policy(
        bindings=[
            {
                "role": "roles/run.invoker",
                "members": ["serviceAccount:caller@sample-project.iam.gserviceaccount.com"],
            }
        ]
    )
    region.services.set_iam_policy(request={"resource": service.name, "policy": policy})
    url = f"{service.uri}/cgi-bin/echo"
    account = "@sample-project.iam.gserviceaccount.com"
    assert refused(url) == 403
    assert refused(url, f"Bearer ya29.local.other{account}") == 403
    assert refused(url, "Bearer ya29.somebody-elses") == 401
    assert refused(url, f"Bearer ya29.local.caller{account}") == 200


def test_a_role_on_the_project_opens_every_service(cloud_run: CloudRun, region: Region) -> None:
    url = f"{region.create().uri}/cgi-bin/echo"
    account = "deployer@sample-project.iam.gserviceaccount.com"
    assert refused(url, f"Bearer ya29.local.{account}") == 403
    cloud_run.invokers.add(account)
    try:
        assert refused(url) == 403
        assert refused(url, f"Bearer ya29.local.{account}") == 200
    finally:
        cloud_run.invokers.clear()


def test_a_service_of_the_same_name_starts_private_again(region: Region) -> None:
    service = region.create()
    region.open(service)
    assert refused(f"{service.uri}/cgi-bin/echo") == 200
    finished(region.services.delete_service(name=service.name))
    again = finished(
        region.services.create_service(
            parent=region.parent,
            service=region.asked(),
            service_id=service.name.rpartition("/")[2],
        )
    )
    assert refused(again.uri) == 403


@pytest.mark.parametrize("path", ["/healthz", "/eventlog", "/_ah/warmup"])
def test_paths_of_the_platform_never_reach_a_container(service: run_v2.Service, path: str) -> None:
    assert refused(f"{service.uri}{path}") == 404


def test_internal_services_are_hidden_unless_one_looks_from_inside(
    region: Region, service: run_v2.Service, cloud_run: CloudRun
) -> None:
    ingress = run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY
    region.update(run_v2.Service(service, ingress=ingress), "ingress")
    url = f"{service.uri}/cgi-bin/echo"
    assert refused(url) == 404
    cloud_run.behaviour.internal_hidden = False
    assert refused(url) == 200


def test_the_address_lives_as_long_as_the_service(region: Region, service: run_v2.Service) -> None:
    assert region.set_variable(service, "2").uri == service.uri
    finished(region.services.delete_service(name=service.name))
    with pytest.raises(OSError, match="refused"):
        asked_of(service.uri)


def test_a_request_reaches_the_container_as_it_was_sent(service: run_v2.Service) -> None:
    body = b"x" * 300_000
    answer = asked_of(f"{service.uri}/cgi-bin/echo?a=%20b", body=body)
    first, _, echoed = answer.partition("\n")
    assert first.split()[:3] == ["POST", "/cgi-bin/echo?a=%20b", "127.0.0.1"]
    assert first.split()[3] == service.uri.removeprefix("http://")
    assert echoed == body.decode()


@pytest.mark.parametrize(
    ("sent", "seen"),
    [(b"Connection: keep-alive\r\n", b" close "), (b"Upgrade: websocket\r\n", b" Upgrade ")],
)
def test_a_connection_carries_one_request_or_an_upgrade(
    service: run_v2.Service, sent: bytes, seen: bytes
) -> None:
    host, port = service.uri.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET /cgi-bin/echo HTTP/1.1\r\nHost: x\r\n" + sent + b"\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert seen in answer


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET / HTTP/2\r\n\r\n", b"\r\n\r\n"])
def test_what_is_not_http_1_is_refused(service: run_v2.Service, sent: bytes) -> None:
    host, port = service.uri.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(sent)
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_headers_have_a_limit(service: run_v2.Service) -> None:
    host, port = service.uri.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 66_000)
        assert connection.recv(100).startswith(b"HTTP/1.1 431 ")


def test_requests_are_split_as_the_percentages_say(region: Region, service: run_v2.Service) -> None:
    first = service.latest_ready_revision.rpartition("/")[2]
    second = region.set_variable(service, "2").latest_ready_revision.rpartition("/")[2]
    service.traffic = [
        run_v2.TrafficTarget(type_=REVISION, revision=first, percent=25),
        run_v2.TrafficTarget(type_=LATEST, percent=75),
    ]
    service.etag = ""
    region.update(service, "traffic")
    answers = Counter(who_answers(service) for _ in range(20))
    assert answers == {first: 5, second: 15}


def test_a_tag_leads_to_its_revision_and_ends_with_it(
    region: Region, service: run_v2.Service
) -> None:
    first = service.latest_ready_revision.rpartition("/")[2]
    updated = region.set_variable(service, "2")
    updated.traffic = [
        run_v2.TrafficTarget(type_=LATEST, percent=100),
        run_v2.TrafficTarget(type_=REVISION, revision=first, tag="before"),
    ]
    tagged = region.update(updated, "traffic")
    (uri,) = (status.uri for status in tagged.traffic_statuses if status.tag)
    assert asked_of(f"{uri}/cgi-bin/echo").split()[-1] == first
    assert who_answers(service) != first
    del tagged.traffic[1]
    region.update(tagged, "traffic")
    with pytest.raises(OSError, match="refused"):
        asked_of(uri)


def test_traffic_may_follow_an_operation_later(
    region: Region, service: run_v2.Service, cloud_run: CloudRun
) -> None:
    first = service.latest_ready_revision.rpartition("/")[2]
    cloud_run.behaviour.traffic_delay = 1.5
    updated = region.set_variable(service, "2")
    second = updated.latest_ready_revision.rpartition("/")[2]
    assert who_answers(service) == first
    assert eventually(lambda: who_answers(service) == second)
    assert serving(region.services.get_service(name=service.name)) == {second: 100}


def test_traffic_that_follows_late_undoes_nothing(
    region: Region, service: run_v2.Service, cloud_run: CloudRun
) -> None:
    first = service.latest_ready_revision.rpartition("/")[2]
    cloud_run.behaviour.traffic_delay = 0.4
    updated = region.set_variable(service, "2")
    cloud_run.behaviour.traffic_delay = 0.0
    updated.traffic = [run_v2.TrafficTarget(type_=REVISION, revision=first, percent=100)]
    region.update(updated, "traffic")
    # When another service, asked later for longer, has its routes, the late ones have come.
    cloud_run.behaviour.traffic_delay = 0.6
    other = region.create()
    assert eventually(lambda: cloud_run.record(other.name).routed == 1)
    assert who_answers(service) == first


def test_a_container_that_takes_too_long_is_given_up(
    region: Region, service: run_v2.Service
) -> None:
    short = run_v2.Service(name=service.name, template={"timeout": {"seconds": 1}})
    region.update(short, "template.timeout")
    assert refused(f"{service.uri}/cgi-bin/slow") == 504


def test_two_regions_do_not_share_their_services(region: Region, cloud_run: CloudRun) -> None:
    elsewhere = Region(
        services=region.services,
        revisions=region.revisions,
        parent="projects/sample-project/locations/europe-west1",
        image=region.image,
    )
    here, there = region.create(), elsewhere.create()
    assert [s.name for s in region.services.list_services(parent=region.parent)] == [here.name]
    assert [s.name for s in region.services.list_services(parent=elsewhere.parent)] == [there.name]
    assert here.uri != there.uri
    elsewhere.clean()


def test_the_sample_site_is_served_on_its_port(tmp_path: Path) -> None:
    with (
        Shelf() as shelf,
        CloudRun(
            root=tmp_path, host_map=shelf.host_map, project_numbers={"sample-project": 1}
        ) as cloud_run,
        region_of(cloud_run, shelf.put(static_site("hello"))) as region,
    ):
        service = region.create()
        region.open(service)
        assert "hello" in asked_of(service.uri)
