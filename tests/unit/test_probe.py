"""What a look at a revision says: good answers in a row, bad ones, and none that are its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from msgspec.structs import replace

from tests.unit.nouns import a_service, with_settings
from transship.clients.probe import RunProbe
from transship.deadline import Deadline
from transship.model.gate import Gate, Health, Verdict, read_gate

TOKEN = "who we are"

HUNG_UP = 0


@dataclass
class Container:
    """Answers with the statuses in turn, the last one for ever; *private* ones to whoever may."""

    statuses: list[int]
    private: bool = False
    url: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)

    def status(self, path: str, authorization: str) -> int:
        self.seen.append((path, authorization))
        if self.private and authorization != f"Bearer {TOKEN}":
            return 403
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@contextmanager
def listening(container: Container) -> Iterator[Container]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = container.status(self.path, self.headers.get("Authorization", ""))
            if status != HUNG_UP:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    container.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield container
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


Look = Callable[..., Verdict]


@pytest.fixture
def look() -> Look:
    def look(container: Container, uri: str | None = None, **gate: object) -> Verdict:
        probe = RunProbe(identity=lambda _audience: TOKEN, is_local=True, pause=0.0)
        said = container.url if uri is None else uri
        asked = msgspec.convert(gate, Gate)
        return probe(a_service(), said, asked, deadline=Deadline.after(10.0))

    return look


@pytest.mark.parametrize(
    ("statuses", "gate", "health"),
    [
        ([200], {}, Health.HEALTHY),
        ([404], {}, Health.HEALTHY),
        ([302], {}, Health.HEALTHY),
        ([500], {}, Health.UNHEALTHY),
        ([HUNG_UP], {}, Health.UNHEALTHY),
        ([200], {"status": [204]}, Health.UNHEALTHY),
        ([503], {"status": [503]}, Health.HEALTHY),
        ([500, 200, 200, 200], {}, Health.HEALTHY),
        ([200, 200, 500, 500, 500], {}, Health.UNHEALTHY),
        ([200, 500, 200, 500, 200, 500, 200, 500, 200], {}, Health.UNHEALTHY),
    ],
)
def test_answers_in_a_row_decide(
    look: Look, statuses: list[int], gate: dict[str, object], health: Health
) -> None:
    with listening(Container(statuses)) as container:
        assert look(container, **gate).health is health


def test_the_evidence_is_what_was_asked_and_what_came(look: Look) -> None:
    with listening(Container([500])) as container:
        assert look(container, path="/up?key=secret").evidence == "GET /up answers 500"
        assert container.seen[0][0] == "/up?key=secret"
    assert look(container).evidence.startswith("GET /: ")


def test_a_container_that_is_open_is_shown_no_token(look: Look) -> None:
    with listening(Container([200])) as container:
        look(container)

    assert {authorization for _, authorization in container.seen} == {""}


def test_a_private_one_is_asked_as_somebody(look: Look) -> None:
    with listening(Container([200], private=True)) as container:
        assert look(container).health is Health.HEALTHY
    with listening(Container([500], private=True)) as container:
        assert look(container).health is Health.UNHEALTHY


def test_whoever_is_turned_away_says_nothing_of_the_container(look: Look) -> None:
    with listening(Container([403])) as container:
        verdict = look(container)

    assert verdict.health is Health.UNREACHABLE
    assert verdict.evidence == (
        "decided by readiness alone: GET / answers 403; the deployer needs roles/run.invoker"
    )


def test_a_refusal_that_is_expected_is_an_answer(look: Look) -> None:
    with listening(Container([401])) as container:
        assert look(container, status=[401]).health is Health.HEALTHY


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "http://next---web-123.asia-northeast1.run.app",
        "https://run.app.evil.example",
        "https://evilrun.app",
        "http://169.254.169.254/",
        "http://127.0.0.2:80",
    ],
)
def test_only_cloud_run_is_asked(look: Look, uri: str) -> None:
    with listening(Container([200])) as container:
        assert look(container, uri).health is Health.UNREACHABLE

    assert container.seen == []


def test_a_local_address_is_none_in_the_cloud() -> None:
    probe = RunProbe(identity=lambda _audience: TOKEN)
    with listening(Container([200])) as container:
        verdict = probe(a_service(), container.url, Gate(), deadline=Deadline.after(1.0))

    assert verdict.health is Health.UNREACHABLE
    assert container.seen == []


def test_ingress_keeps_the_probe_out(look: Look) -> None:
    probe = RunProbe(identity=lambda _audience: TOKEN, is_local=True)
    inside = with_settings(a_service(), ingress="internal")
    with listening(Container([200])) as container:
        verdict = probe(inside, container.url, Gate(), deadline=Deadline.after(1.0))

    assert verdict.evidence == "decided by readiness alone: ingress internal keeps the probe out"


def test_a_deadline_ends_a_look() -> None:
    seconds = iter(range(100))
    deadline = Deadline(at=8.0, clock=lambda: float(next(seconds)))
    probe = RunProbe(identity=lambda _audience: TOKEN, is_local=True, pause=0.0)
    with listening(Container([200])) as container:
        verdict = probe(a_service(), container.url, Gate(successes=20), deadline=deadline)

    assert verdict.health is Health.UNHEALTHY
    assert len(container.seen) < 8


@pytest.mark.parametrize(
    "path", ["/healthz", "/v1/readyz", "/statusz?x=1", "/eventlog", "/_ah/warmup", "/_ah", "health"]
)
def test_paths_that_never_reach_a_container_are_refused(path: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"path": path}, Gate)


@pytest.mark.parametrize(
    "path", ["/", "/health", "/healthz/live", "/eventlogs", "/?q=z", "/_ahead", "/v1/health.json"]
)
def test_other_paths_are_taken(path: str) -> None:
    assert msgspec.convert({"path": path}, Gate).path == path


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("", Gate()),
        ('{"path": "/up", "watch": 0}', Gate(path="/up", watch=0)),
        ('{"path": 5}', Gate()),
        ("no JSON", Gate()),
    ],
)
def test_what_another_hand_broke_is_the_default_gate(text: str, gate: Gate) -> None:
    assert read_gate(text) == gate


def test_the_token_is_for_the_service_itself() -> None:
    """Not for the tag's URL: Cloud Run takes the service's own as the audience."""
    audiences: list[str] = []

    def identity(audience: str) -> str:
        audiences.append(audience)
        return TOKEN

    probe = RunProbe(identity=identity, is_local=True, pause=0.0)
    service = replace(a_service(), uri="https://web-123.asia-northeast1.run.app")
    with listening(Container([200], private=True)) as container:
        probe(service, container.url, Gate(), deadline=Deadline.after(5.0))

    assert audiences == ["https://web-123.asia-northeast1.run.app"]
