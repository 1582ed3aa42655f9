"""The pictures of the page in docs/images/, made anew: ``python -m tools.screenshots``.

On a local stack with a few services in the states that somebody would want to tell apart. With a
folder, more of them, to look at while something is changed: ``python -m tools.screenshots /tmp/p``.
"""

import json
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import grpc
from google.cloud import run_v2
from google.pubsub_v1 import PublisherClient, PubsubMessage

from local import images, world
from local.samples import samples
from local.stack import Stack
from tools.browser import Browser, chromium

# Those that the documents show.
SHOWN = frozenset({"fleet.png", "service-dark.png"})
TARGET = Path(__file__).parents[1] / "docs" / "images"
_PATIENCE = 60.0
_DESK, _TELEPHONE = 960, 390
_HEIGHT = 690
_ADA = "ada@example.com"
_SERVICES = ("shop", "docs", "status-page", "billing")


def main(folder: Path, *, everything: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as root, Stack(Path(root)) as stack, chromium() as browser:
        _set_up(stack)
        page = stack.front_door.door(world.OPERATOR)
        service = f"{page}/services/{world.PROJECT}/{world.LOCATION}/shop"
        shots = {
            "fleet.png": (page, _DESK, False),
            "fleet-dark.png": (page, _DESK, True),
            "service.png": (service, _DESK, False),
            "service-dark.png": (service, _DESK, True),
            "deploy.png": (f"{page}/deploy?image={world.IMAGE}", _DESK, False),
            "mirror.png": (f"{page}/mirror", _DESK, False),
            "fleet-telephone.png": (page, _TELEPHONE, False),
            "service-telephone.png": (service, _TELEPHONE, False),
            "deploy-telephone-dark.png": (f"{page}/deploy?image={world.IMAGE}", _TELEPHONE, True),
        }
        for name, (url, width, dark) in shots.items():
            if not (everything or name in SHOWN):
                continue
            (folder / name).write_bytes(
                _shot(browser, url, width=width, dark=dark, whole=everything)
            )
            print(folder / name)


def _shot(browser: Browser, url: str, *, width: int, dark: bool, whole: bool) -> bytes:
    browser.look_like(width=width, height=_HEIGHT, dark=dark)
    browser.open(url)
    if whole:
        height = int(browser.run("return document.documentElement.scrollHeight"))
        browser.look_like(width=width, height=height, dark=dark)
    return browser.screenshot()


def _set_up(stack: Stack) -> None:
    for sample in samples():
        stack.hub.push(sample.repository, sample.tag, sample.image)
    for name in _SERVICES:
        stack.hub.push(f"example/{name}", "1.4", images.static_site(f"{name}, first"))
        _settle(stack, {"image": f"example/{name}:1.4", "service": name, "port": 80})
    hold = {"kind": "hold", "service": "billing", "by": _ADA, "why": "audit until Friday"}
    _settle(stack, hold)
    for name in ("shop", "billing"):
        stack.hub.push(f"example/{name}", "1.4", images.static_site(f"{name}, second"))
    first = _newest_revision(stack, "shop")
    _settle(stack, {"image": "example/shop:1.4", "service": "shop"})
    stack.hub.push("example/docs", "1.4", images.static_site("docs, second"))
    back = {"kind": "rollback", "service": "shop", "revision": first, "by": _ADA}
    _settle(stack, {**back, "why": "prices are wrong"})


def _newest_revision(stack: Stack, service: str) -> str:
    with grpc.insecure_channel(stack.run.grpc_address) as channel:
        transport = run_v2.ServicesClient.get_transport_class("grpc")(channel=channel)
        name = f"projects/{world.PROJECT}/locations/{world.LOCATION}/services/{service}"
        found = run_v2.ServicesClient(transport=transport).get_service(name=name)
    return str(found.latest_ready_revision.rpartition("/")[2])


def _settle(stack: Stack, message: Mapping[str, object]) -> None:
    publisher: PublisherClient = stack.publisher()
    sent = PubsubMessage(data=json.dumps(message).encode())
    [event] = publisher.publish(topic=world.DEPLOY, messages=[sent]).message_ids
    asked = urllib.parse.quote(str(event))
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        url = f"{stack.front_door.door(world.OPERATOR)}/events/{asked}"
        with urllib.request.urlopen(url) as answer:  # noqa: S310 - the stack's own page
            if b"data-live" not in answer.read():
                return
        time.sleep(0.2)
    sys.exit(f"no outcome of {message}")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(Path(given[0]) if given else TARGET, everything=bool(given))
