"""From a hint to the services that follow its tag, in fleets of many that do not."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from bench.turns import spent_here, table, take_turns
from local import world
from transship.clients.egress import Guard
from transship.clients.fleet import HOST, CloudRunFleet
from transship.clients.transport import Transport
from transship.deadline import Deadline
from transship.model.marks import tracking_marks
from transship.model.naming import tracking_label
from transship.model.reference import parse_reference

_REGIONS = ("asia-northeast1", "europe-west1", "us-central1", "us-east1", "europe-north1")
_TAG = parse_reference("docker.io/bench/followed:1")
_LABEL = tracking_label(_TAG.name)


class _CloudRun:
    """API v1's list alone, which selects by label in the service and not in the client."""

    def __init__(self, services: int, followers: int) -> None:
        self.asked = 0
        self.answered = 0
        cloud_run = self
        by_label = {_LABEL: [_service(n, _TAG.identifier) for n in range(followers)]}
        # The others are there, and no page of an answer has them.
        self.services = [_service(n, "other") for n in range(followers, services)]

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16  # else each answer waits for a delayed acknowledgement

            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                found = by_label.get(query["labelSelector"][0], [])
                begins, size = int(query.get("continue", ["0"])[0]), int(query["limit"][0])
                ends = begins + size
                more = {"continue": str(ends)} if ends < len(found) else {}
                body = json.dumps({"items": found[begins:ends], "metadata": more}).encode()
                cloud_run.asked += 1
                cloud_run.answered += len(body)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[CloudRunFleet]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        transport = Transport(Guard(hosts=frozenset({HOST}), host_map={HOST: self.url}))
        try:
            yield CloudRunFleet(
                transport,
                token=lambda: "ya29.local.token",
                list_region=lambda _parent, _deadline: [],
                projects={world.PROJECT: _REGIONS},
            )
        finally:
            transport.close()
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def _service(number: int, tag: str) -> dict[str, object]:
    region = _REGIONS[number % len(_REGIONS)]
    marks = tracking_marks(parse_reference(f"docker.io/bench/followed:{tag}"), ())
    image = f"{world.MIRROR}/bench/followed@sha256:{'0' * 64}"
    return {
        "metadata": {
            "name": f"service-{number}",
            "labels": {**_texts(marks.labels), "cloud.googleapis.com/location": region},
            "annotations": _texts(marks.annotations),
        },
        "spec": {
            "template": {"spec": {"containers": [{"image": image}]}},
            "traffic": [{"percent": 100, "latestRevision": True}],
        },
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def _texts(marks: object) -> dict[str, str]:
    assert isinstance(marks, dict)
    return {key: str(value) for key, value in marks.items()}


def measure(tiny: bool) -> str:
    fleets = ((20, 5),) if tiny else ((100, 5), (1000, 5), (5000, 5), (5000, 50), (5000, 1000))
    rows: list[list[object]] = []
    for services, followers in fleets:
        cloud_run = _CloudRun(services, followers)
        with cloud_run.running() as fleet:

            def look(fleet: CloudRunFleet = fleet, followers: int = followers) -> None:
                found = fleet.labelled(_LABEL, deadline=Deadline.after(60))
                assert sum(one.tracks == _TAG for one in found) == followers

            repeat = 1 if tiny else 7
            turns = take_turns({"look": lambda look=look: spent_here(look)}, repeat)  # type: ignore[misc] # bound here
            calls = cloud_run.asked / (repeat + 1)
            size = cloud_run.answered / (repeat + 1)
        rows.append(
            [services, followers, f"{calls:.0f}", f"{size / 1024:.0f}", turns["look"].spread()]
        )
    return f"""\
## A hint to the services that follow its tag

`CloudRunFleet.labelled`, in five regions, against API v1's list with a selector, which gives only
what is selected, 200 a page. Calls and time grow with the followers and not with the fleet.

{table(("services", "followers", "calls", "KiB", "median (least to most)"), rows)}
"""
