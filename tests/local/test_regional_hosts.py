"""gcloud's way to a region of the local cloud, and to nothing outside of it."""

import http.client
import json
import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from local.regional_hosts import RegionalHosts


class Echo(BaseHTTPRequestHandler):
    """Says what it was asked, by whom and where."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        token = self.headers["Authorization"]
        said = f"{self.headers['Host'].partition(':')[0]} {self.path} {token} {body}".encode()
        self.send_response(501 if self.path == "/none" else 418)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def proxy() -> Iterator[int]:
    with RegionalHosts() as hosts:
        yield hosts.port


def asked(proxy: int, url: str, body: str = "") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", proxy, timeout=10)
    try:
        connection.request("POST", url, body, {"Authorization": "Bearer ya29.local.somebody"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "asia-northeast1-127.0.0.1"])
def test_a_request_arrives_as_it_was_sent(proxy: int, echo: int, host: str) -> None:
    said = asked(proxy, f"http://{host}:{echo}/a%20b?c=http://d", "text")
    assert said == (418, f"{host} /a%20b?c=http://d Bearer ya29.local.somebody text")


def test_what_is_not_implemented_is_refused_for_good(proxy: int, echo: int) -> None:
    """Other clients get Google's 501; gcloud would ask again and again."""
    status, said = asked(proxy, f"http://127.0.0.1:{echo}/none", "why")
    assert (status, said.endswith("why")) == (400, True)


@pytest.mark.parametrize(
    "url", ["http://run.example/", "http://127.0.0.1@run.example/", "http://127.0.0.1.run.example/"]
)
def test_nothing_is_sent_beyond_this_machine(
    proxy: int, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    with caplog.at_level(logging.WARNING):
        status, said = asked(proxy, url)
    assert status == 400  # 501 gcloud would ask again and again
    assert "no part of the local cloud" in json.loads(said)["error"]["message"]
    assert "run.example" in caplog.text


def test_no_tunnel_is_made(proxy: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy, timeout=10)
    connection.set_tunnel("compute.googleapis.com", 443)
    with pytest.raises(OSError, match=r"compute\.googleapis\.com is no part of the local cloud"):
        connection.connect()


def test_where_nobody_listens_the_answer_says_so(proxy: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        status, said = asked(proxy, f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert status == 502
    assert "does not answer" in said
