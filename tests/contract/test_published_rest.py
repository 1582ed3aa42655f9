"""The stand-ins' REST faces, driven by Google's client of the definitions that Google publishes.

Every path and parameter that is asked, and every body that is answered, has to be declared there.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud import run_v2
from googleapiclient.errors import HttpError

from local import cloud_logging
from local.cloud_logging import CloudLogging
from local.pubsub import rest_face
from local.pubsub.emulator import Emulator
from local.registry import rest
from local.registry.rest import RestFace
from local.run import CloudRun, v1
from tests.fixtures.cloud import SITE, Cloud, cloud
from tests.fixtures.definition_client import Exchanges, client_of
from tests.fixtures.operations import finished
from tests.fixtures.stage import eventually
from tests.local.run_region import region_of

__all__ = ["cloud"]

PROJECT = "projects/sample-project"
LOCATION = f"{PROJECT}/locations/asia-northeast1"
MIRROR = f"{LOCATION}/repositories/docker"
PACKAGE = f"{MIRROR}/packages/dockersamples%2Fstatic-site"
ACCOUNT = "transship-deploy@sample-project.iam.gserviceaccount.com"
TOKEN = f"ya29.local.{ACCOUNT}"


class TestPubsub:
    TOPIC = f"{PROJECT}/topics/outcomes"
    NAME = f"{PROJECT}/subscriptions/seen"

    @pytest.fixture
    def emulator(self) -> Iterator[Emulator]:
        with Emulator() as emulator:
            yield emulator

    @pytest.fixture
    def client(self, emulator: Emulator) -> Iterator[tuple[Any, Exchanges]]:
        with client_of("pubsub", "v1", emulator.rest_url, token=TOKEN) as client:
            yield client

    def test_each_route_is_a_published_one(self, client: tuple[Any, Exchanges]) -> None:
        api, exchanges = client
        topics, subscriptions = api.projects().topics(), api.projects().subscriptions()
        topics.create(name=self.TOPIC, body={"labels": {"team": "blue"}}).execute()
        topics.create(name=f"{self.TOPIC}-second", body={}).execute()
        topics.get(topic=self.TOPIC).execute()
        retention = {
            "topic": {"name": self.TOPIC, "messageRetentionDuration": "600.500s"},
            "updateMask": "messageRetentionDuration",
        }
        topics.patch(name=self.TOPIC, body=retention).execute()
        pages = topics.list(project=PROJECT, pageSize=1)
        topics.list_next(pages, pages.execute()).execute()
        wanted = {
            "topic": self.TOPIC,
            "ackDeadlineSeconds": 60,
            "filter": 'attributes.kind = "image"',
            "enableMessageOrdering": True,
            "expirationPolicy": {"ttl": "86400s"},
            "messageRetentionDuration": "600s",
            "retryPolicy": {"minimumBackoff": "10s", "maximumBackoff": "600s"},
            "deadLetterPolicy": {
                "deadLetterTopic": f"{self.TOPIC}-second",
                "maxDeliveryAttempts": 100,
            },
        }
        subscriptions.create(name=self.NAME, body=wanted).execute()
        subscriptions.get(subscription=self.NAME).execute()
        pushed = {"pushConfig": {"pushEndpoint": ""}}
        subscriptions.modifyPushConfig(subscription=self.NAME, body=pushed).execute()
        changed = {"subscription": {"ackDeadlineSeconds": 30}, "updateMask": "ackDeadlineSeconds"}
        subscriptions.patch(name=self.NAME, body=changed).execute()
        subscriptions.list(project=PROJECT).execute()
        topics.subscriptions().list(topic=self.TOPIC).execute()
        message = {"data": "eyJ9", "attributes": {"kind": "image"}, "orderingKey": "one"}
        topics.publish(topic=self.TOPIC, body={"messages": [message]}).execute()
        pulled = subscriptions.pull(subscription=self.NAME, body={"maxMessages": 1}).execute()
        (received,) = pulled["receivedMessages"]
        acks = {"ackIds": [received["ackId"]]}
        lease = {**acks, "ackDeadlineSeconds": 60}
        subscriptions.modifyAckDeadline(subscription=self.NAME, body=lease).execute()
        subscriptions.acknowledge(subscription=self.NAME, body=acks).execute()
        subscriptions.delete(subscription=self.NAME).execute()
        topics.delete(topic=self.TOPIC).execute()

        assert exchanges.complaints == []
        assert received["message"]["data"] == "eyJ9"
        assert received["deliveryAttempt"] == 1
        routes = [(verb, f"/v1/{path}") for verb, path, *_ in rest_face._ROUTES]
        assert unwalked(routes, exchanges) == []

    def test_a_refusal_is_formed_as_published(self, client: tuple[Any, Exchanges]) -> None:
        api, exchanges = client
        topics = api.projects().topics()
        for refused in (
            topics.get(topic=self.TOPIC),
            topics.publish(topic=self.TOPIC, body={"messages": [{}]}),
            api.projects().subscriptions().create(name=self.NAME, body={"topic": self.TOPIC}),
            api.projects().snapshots().list(project=PROJECT),
        ):
            with pytest.raises(HttpError):
                refused.execute()
        assert exchanges.complaints == []


class TestArtifactRegistry:
    @pytest.fixture
    def client(self, cloud: Cloud) -> Iterator[tuple[Any, Exchanges]]:
        cloud.mirror.readers.add(ACCOUNT)
        cloud.mirror.add_virtual("all", {"docker": 7})
        cloud.wire.manifest(SITE, "latest")
        with (
            RestFace(cloud.mirror, cloud.clock) as face,
            client_of("artifactregistry", "v1", face.address, token=TOKEN) as client,
        ):
            yield client

    def test_each_route_is_a_published_one(self, client: tuple[Any, Exchanges]) -> None:
        api, exchanges = client
        repositories = api.projects().locations().repositories()
        packages, images = repositories.packages(), repositories.dockerImages()
        pages = repositories.list(parent=LOCATION, pageSize=1)
        repositories.list_next(pages, pages.execute()).execute()
        repositories.get(name=MIRROR).execute()
        repositories.get(name=f"{LOCATION}/repositories/all").execute()
        packages.list(parent=MIRROR).execute()
        packages.get(name=PACKAGE).execute()
        (version,) = packages.versions().list(parent=PACKAGE, view="FULL").execute()["versions"]
        packages.versions().get(name=version["name"], view="FULL").execute()
        (tag,) = packages.tags().list(parent=PACKAGE).execute()["tags"]
        packages.tags().get(name=tag["name"]).execute()
        (image,) = images.list(parent=MIRROR, orderBy="update_time desc").execute()["dockerImages"]
        images.get(name=image["name"]).execute()

        assert exchanges.complaints == []
        # An index: what it consists of is told as well.
        assert {each["architecture"] for each in image["imageManifests"]} >= {"amd64", "arm64"}
        assert image["tags"] == ["latest"]
        routes = [("GET", f"/v1/{path}") for path in rest._LISTS | rest._GETS]
        assert unwalked(routes, exchanges) == []

    def test_a_refusal_is_formed_as_published(self, client: tuple[Any, Exchanges]) -> None:
        api, exchanges = client
        repositories = api.projects().locations().repositories()
        for refused in (
            repositories.get(name=f"{LOCATION}/repositories/none"),
            repositories.delete(name=MIRROR),
            repositories.list(parent=LOCATION, orderBy="name"),
            repositories.list(parent=LOCATION, pageSize=-1),
        ):
            with pytest.raises(HttpError):
                refused.execute()
        assert exchanges.complaints == []


class TestCloudRun:
    @pytest.fixture(scope="class")
    @classmethod
    def cloud_run(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudRun]:
        """With a service that has much to tell, and one that failed."""
        never = "docker.io/library/never:listens"
        with CloudRun(
            root=tmp_path_factory.mktemp("cloud-run"),
            project_numbers={"sample-project": 123456789012},
            containers=False,
            images=False,
        ) as cloud_run:
            cloud_run.behaviour.unhealthy_images.add(never)
            with region_of(cloud_run, "docker.io/library/nginx:1.27") as region:
                asked = region.asked(
                    scaling={"min_instance_count": 1, "max_instance_count": 5},
                    timeout={"seconds": 60},
                )
                asked.labels = {"team": "blue"}
                asked.description = "What it is for"
                asked.ingress = run_v2.IngressTraffic(2)  # internal
                (container,) = asked.template.containers
                container.env = [
                    run_v2.EnvVar(name="A", value="1"),
                    run_v2.EnvVar(
                        name="KEY",
                        value_source={"secret_key_ref": {"secret": "key", "version": "1"}},
                    ),
                ]
                container.ports = [run_v2.ContainerPort(name="http1", container_port=80)]
                service = region.create(asked)
                service = region.set_variable(service, "2")
                first, second = sorted(region.revision_names(service))
                service.traffic = [
                    run_v2.TrafficTarget(
                        type_=run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION,
                        revision=name,
                        percent=50,
                        tag=tag,
                    )
                    for name, tag in ((first, "old"), (second, "new"))
                ]
                region.update(service, "traffic")
                failing = region.asked()
                failing.template.containers[0].image = never
                operation = region.services.create_service(
                    parent=region.parent, service=failing, service_id="failing"
                )
                with pytest.raises(Exception, match="not ready"):
                    finished(operation)
            yield cloud_run

    @pytest.fixture
    def client(self, cloud_run: CloudRun) -> Iterator[tuple[Any, Exchanges]]:
        with client_of("run", "v1", cloud_run.v1_url, token=TOKEN) as client:
            yield client

    def test_each_route_is_a_published_one(self, client: tuple[Any, Exchanges]) -> None:
        api, exchanges = client
        namespaces = api.namespaces().services()
        first = namespaces.list(parent="namespaces/sample-project", limit=1).execute()
        more = {"limit": 1, "continue": first["metadata"]["continue"]}
        namespaces.list(parent="namespaces/sample-project", **more).execute()
        locations = api.projects().locations().services()
        everywhere = locations.list(parent=f"{PROJECT}/locations/-", labelSelector="team").execute()

        regional = namespaces.get(name="namespaces/sample-project/services/failing")
        regional.headers["Host"] = "asia-northeast1-127.0.0.1"
        failing = locations.get(name=f"{PROJECT}/locations/asia-northeast1/services/failing")
        assert regional.execute() == failing.execute()

        assert exchanges.complaints == []
        (service,) = everywhere["items"]
        assert [target["tag"] for target in service["spec"]["traffic"]] == ["old", "new"]
        routes = [("GET", path.pattern) for path in v1._PATHS]
        assert unwalked(routes, exchanges) == []

    def test_a_refusal_is_formed_as_published(self, client: tuple[Any, Exchanges]) -> None:
        api, exchanges = client
        services = api.namespaces().services()
        for refused in (
            services.list(parent="namespaces/somebody-elses"),
            services.list(parent="namespaces/sample-project", labelSelector="(("),
            services.list(parent="namespaces/sample-project", fieldSelector="a=b"),
            services.get(name="namespaces/sample-project/services/failing"),
            api.projects()
            .locations()
            .services()
            .get(name=f"{PROJECT}/locations/asia-northeast1/services/none"),
        ):
            with pytest.raises(HttpError):
                refused.execute()
        assert exchanges.complaints == []


class TestCloudLogging:
    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[CloudLogging]:
        stand_in = CloudLogging("sample-project")
        stand_in.watch("transship-bury", tmp_path / "bury.log")
        stand_in.start()
        line = {"severity": "ERROR", "message": "dead letter", "n": 1, "deep": {"er": [None, 2.5]}}
        (tmp_path / "bury.log").write_text(f"{json.dumps(line)}\nno JSON\n")
        eventually(lambda: len(stand_in._entries) == 2, "the lines are read")
        yield stand_in
        stand_in.stop()

    @pytest.fixture
    def client(self, log: CloudLogging) -> Iterator[tuple[Any, Exchanges]]:
        with client_of("logging", "v2", log.url, token=TOKEN) as client:
            yield client

    def test_each_route_is_a_published_one(self, client: tuple[Any, Exchanges]) -> None:
        api, exchanges = client
        asked = {"resourceNames": [PROJECT], "orderBy": "timestamp desc", "pageSize": 1}
        page = api.entries().list(body=asked).execute()
        api.entries().list(body={**asked, "pageToken": page["nextPageToken"]}).execute()

        assert exchanges.complaints == []
        assert exchanges.walked == [("POST", cloud_logging._PATH)] * 2

    def test_a_refusal_is_formed_as_published(self, client: tuple[Any, Exchanges]) -> None:
        api, exchanges = client
        for refused in (
            api.entries().list(body={"resourceNames": ["projects/another"]}),
            api.entries().list(body={"resourceNames": [PROJECT], "filter": "NOT a"}),
            api.entries().write(body={"entries": []}),
            api.projects().sinks().list(parent=PROJECT),
        ):
            with pytest.raises(HttpError):
                refused.execute()
        assert exchanges.complaints == []


def unwalked(routes: list[tuple[str, str]], exchanges: Exchanges) -> list[tuple[str, str]]:
    """Those that nothing was asked of, so that no route goes unchecked."""
    return [
        (verb, pattern)
        for verb, pattern in routes
        if not any(
            verb == asked and re.fullmatch(pattern, path) for asked, path in exchanges.walked
        )
    ]
