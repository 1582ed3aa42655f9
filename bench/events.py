"""Hints that are ignored before any I/O: beside an empty function on the same server."""

import base64
import json
import os
import socket
import threading
import time
from pathlib import Path

from bench.functions import HELLO, archived, serving, until_it_answers
from bench.turns import Candidate, Spent, table, take_turns
from local import world

_CONNECTIONS = 4
_TICK = os.sysconf("SC_CLK_TCK")


def measure(tiny: bool) -> str:
    count = 80 if tiny else 4000
    body = _ignored_hint()
    with (
        archived() as main,
        serving("hello", HELLO) as (hello_port, hello),
        serving("refresh_services", main) as (refresh_port, refresh),
    ):
        until_it_answers(hello_port)
        until_it_answers(refresh_port)
        candidates: dict[str, Candidate] = {
            "an empty function": lambda: _push(hello_port, hello.pid, body, count),
            "a hint that is ignored": lambda: _push(refresh_port, refresh.pid, body, count),
        }
        turns = take_turns(candidates, 1 if tiny else 7)
    empty = turns["an empty function"]
    rows = [
        [
            who,
            f"{count / its.seconds:.0f}",
            f"{its.processor / count * 1e6:.0f}",
            f"**{1 / its.against(empty):.2f}**",
            f"**{empty.processor / its.processor:.2f}**",
            "" if its is empty else "0.90",
        ]
        for who, its in turns.items()
    ]
    heads = ("event", "a second", "server's CPU us", "rate against empty", "by CPU", "target")
    return f"""\
## Events that end in "nothing to do"

An audit entry of Cloud Run's own agent, pushed by Pub/Sub, over {_CONNECTIONS} connections that are
kept, to one worker of functions-framework: read, judged, ignored, acknowledged. Whoever pushes runs
on the same cores, so the server's own processor time tells more than the rate.

{table(heads, rows)}
"""


def _ignored_hint() -> bytes:
    entry = {
        "insertId": "x",
        "logName": f"projects/{world.PROJECT}/logs/cloudaudit.googleapis.com%2Fdata_access",
        "timestamp": "2026-11-24T12:00:00Z",
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "artifactregistry.googleapis.com",
            "methodName": "Docker-GetManifest",
            "resourceName": f"projects/{world.PROJECT}/locations/{world.LOCATION}"
            "/repositories/docker/dockerImages/library%2Fnginx",
            "authenticationInfo": {"principalEmail": world.RUN_AGENT},
            "request": {"requestUrl": f"/v2/{world.PROJECT}/docker/library/nginx/manifests/1"},
        },
    }
    data = base64.b64encode(json.dumps(entry).encode()).decode()
    message = {"messageId": "1", "publishTime": "2026-11-24T12:00:00Z", "data": data}
    push = {"message": message, "subscription": world.subscription("transship-hints")}
    return json.dumps(push).encode()


def _push(port: int, pid: int, body: bytes, count: int) -> Spent:
    head = (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    request = head.encode() + body

    def push_some() -> None:
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            for _ in range(count // _CONNECTIONS):
                connection.sendall(request)
                answer = b""
                while b"\r\n\r\n" not in answer:
                    answer += connection.recv(65536)
                assert answer.startswith(b"HTTP/1.1 200 "), answer[:100]

    before, began = _processor(pid), time.perf_counter()
    threads = [threading.Thread(target=push_some) for _ in range(_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    return Spent(seconds=seconds, processor=_processor(pid) - before)


def _processor(pid: int) -> float:
    """Of a server and its workers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(_used(each) for each in (str(pid), *children))


def _used(pid: str) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK
