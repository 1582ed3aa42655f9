"""The page as somebody who is signed in has it in a browser, before a small cloud."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from local import world
from local.cloud_logging import HOST as LOGGING_HOST
from local.cloud_logging import CloudLogging
from local.front_door import KEYS_HOST, Auth, FrontDoor
from tests.fixtures.functions import SITE, Cloud, Function, running

DEPLOYS = world.subscription("deploys")
SERVICE = f"/services/{world.PROJECT}/{world.LOCATION}/web"
_TOKEN = re.compile(r'name="token" value="([^"]+)"')


class Page:
    """As somebody who is signed in has it in a browser."""

    def __init__(self, function: Function, door: FrontDoor, cloud: Cloud) -> None:
        self._client = function.client
        self._door = door
        self._cloud = cloud
        self.email = world.OPERATOR

    def get(self, path: str = "/", **headers: str) -> TestResponse:
        said = {**self._door.headers(self.email), **headers}
        return self._client.get(path, headers=said)

    def text(self, path: str = "/") -> str:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def token(self, path: str = "/deploy?image=" + SITE) -> str:
        found = _TOKEN.search(self.text(path))
        assert found
        return found[1]

    def post(
        self, path: str, fields: dict[str, str], *, origin: str = "http://localhost", **headers: str
    ) -> TestResponse:
        said = {**self._door.headers(self.email), "Origin": origin, **headers}
        return self._client.post(path, data=fields, headers=said)

    def messages(self) -> list[tuple[dict[str, Any], dict[str, str]]]:
        """What was published to the topic of deploys."""
        waiting = self._cloud.pubsub.backlog(DEPLOYS)
        return [(json.loads(each.data), dict(each.attributes)) for each in waiting]


Open = Callable[..., Any]


@pytest.fixture
def logging(tmp_path: Path) -> Iterator[CloudLogging]:
    logging = CloudLogging(world.PROJECT)
    logging.start()
    yield logging
    logging.stop()


@pytest.fixture
def opened(cloud: Cloud, logging: CloudLogging) -> Open:
    cloud.topics.create_topic(name=world.DEPLOY)
    cloud._subscriber.create_subscription(name=DEPLOYS, topic=world.DEPLOY)
    cloud.mirror.readers.add(world.CONSOLE)

    @contextmanager
    def open_page(auth: Auth = "iap", **settings: str) -> Iterator[Page]:
        door = FrontDoor(lambda: "http://127.0.0.1:9", audience=world.PAGE, auth=auth)
        door.start()
        hosts = {
            **cloud.hub.hosts,
            **cloud.mirror.hosts,
            LOGGING_HOST: logging.url,
            KEYS_HOST: door.keys_url,
        }
        said = {
            "TRANSSHIP_DEPLOY_TOPIC": world.DEPLOY,
            "TRANSSHIP_DEAD_LETTER_TOPIC": world.DEAD_LETTER,
            "TRANSSHIP_CONSOLE_AUTH": auth,
            "TRANSSHIP_CONSOLE_AUDIENCE": world.PAGE,
            "TRANSSHIP_CONSOLE_OPERATORS": world.OPERATOR,
            "TRANSSHIP_CONSOLE_VIEWERS": world.VIEWER,
            "TRANSSHIP_CONSOLE_KEYS": world.PAGE_KEY,
            "TRANSSHIP_LOCAL_ACCOUNT": world.CONSOLE,
            "TRANSSHIP_LOCAL_RUN_V1": cloud.run.v1_url,
            "TRANSSHIP_LOCAL_HOSTS": ",".join(f"{host}={url}" for host, url in hosts.items()),
            **settings,
        }
        try:
            with running("console", cloud.settings(**said)) as function:
                yield Page(function, door, cloud)
        finally:
            door.stop()

    return open_page


@pytest.fixture
def page(opened: Open) -> Iterator[Page]:
    with opened() as page:
        yield page


def track(cloud: Cloud) -> None:
    """A service `web` that tracks the site."""
    with running("deploy_image", cloud.settings()) as deployer:
        assert deployer.push({"image": SITE, "service": "web"}) == 200


def annotate(cloud: Cloud, **annotations: str) -> None:
    """As somebody who may write on the service."""
    service = cloud.service("web")
    said = {f"transship.dev/{name}": text for name, text in annotations.items()}
    service.annotations.update(said)
    cloud.change(service)
