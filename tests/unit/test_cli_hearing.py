"""How the command hears what came of a message, with subscriptions that the tests write."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from transship.cli import hearing
from transship.cli.deploy import publish_and_hear
from transship.cli.ending import Ended, Status
from transship.cli.hearing import Heard
from transship.cli.output import Output
from transship.cli.telling import status_of
from transship.cli.tools import Tools
from transship.deadline import Deadline
from transship.errors import AccessDenied, ServiceConflict, ServiceUnavailable, TransshipError
from transship.model.digest import Digest
from transship.model.naming import ServiceName
from transship.model.record import Proof, Record
from transship.model.reference import parse_reference
from transship.model.service import Condition, Service, State
from transship.model.settings import Settings
from transship.told import short_type

NAME = ServiceName(project="sample-project", region="asia-northeast1", service="web")
OUTCOMES = "projects/sample-project/topics/transship-outcomes"
CHILD = Digest(f"sha256:{'c' * 64}")


@dataclass(frozen=True, kw_only=True)
class Message:
    data: bytes
    attributes: dict[str, str] = field(default_factory=dict)


def outcome(event_id: str, kind: str = "deployed") -> Message:
    event = {"type": f"dev.transship.{kind}.v1", "data": {"event_id": event_id, "service": "web"}}
    return Message(data=json.dumps(event).encode())


class Pulls:
    """Each pull gives the next of *turns*: messages, or an error to raise; then nothing."""

    def __init__(self, *turns: list[Message] | TransshipError) -> None:
        self._turns = list(turns)
        self.acknowledged = 0
        self.is_open = False

    @contextmanager
    def listening(self, project: str, topic: str, matching: str) -> Iterator[str]:
        self.is_open = True
        yield "subscription"
        self.is_open = False

    def pull(self, subscription: str, *, seconds: float) -> list[Any]:
        turn = self._turns.pop(0) if self._turns else []
        if isinstance(turn, TransshipError):
            raise turn
        return turn

    def acknowledge(self, subscription: str, received: list[Any]) -> None:
        self.acknowledged += len(received)


def heard(pulls: Pulls, event_id: str = "42", *, seconds: float = 5.0) -> Heard | None:
    return hearing.outcome_of(pulls, "s", event_id, deadline=Deadline.after(seconds))


def test_an_outcome_is_known_by_its_event_whatever_else_comes() -> None:
    pulls = Pulls([outcome("41")], [], [Message(data=b"\xff"), outcome("42")])

    found = heard(pulls)

    assert found is not None
    assert found.data["event_id"] == "42"
    assert pulls.acknowledged == 3, "a filter that is ignored leaves nothing behind"


def test_a_line_that_fails_for_a_moment_does_not_end_the_waiting() -> None:
    assert heard(Pulls(ServiceUnavailable("down"), [outcome("42")])) is not None


def test_no_right_to_pull_ends_the_waiting() -> None:
    with pytest.raises(AccessDenied):
        heard(Pulls(AccessDenied("grant roles/pubsub.subscriber")))


def test_at_the_deadline_there_is_no_outcome() -> None:
    assert heard(Pulls(), seconds=0.05) is None


def test_a_topic_that_is_not_there_is_said_so() -> None:
    class Nowhere(Pulls):
        @contextmanager
        def listening(self, project: str, topic: str, matching: str) -> Iterator[str]:
            raise ServiceConflict("not found")
            yield

    with (
        pytest.raises(Ended, match="infra/") as ended,
        hearing.listening(Nowhere(), "sample-project", OUTCOMES, ""),
    ):
        pass

    assert ended.value.exit_code == Status.NOT_REACHED


def test_what_goes_wrong_meanwhile_is_not_taken_for_a_missing_topic() -> None:
    with (
        pytest.raises(ServiceConflict, match="while published"),
        hearing.listening(Pulls(), "sample-project", OUTCOMES, ""),
    ):
        raise ServiceConflict("while published")


@pytest.mark.parametrize("service", ["web", "a" * 49])
def test_a_filter_fits_and_lets_through_what_names_no_service(service: str) -> None:
    words = hearing.of_service(service)

    assert len(words) <= 256
    assert "dev.transship.rejected.v1" in words
    assert len(hearing.OF_WARMING) <= 256


def test_progress_that_may_not_be_heard_is_not_told() -> None:
    class Denied(Pulls):
        @contextmanager
        def listening(self, project: str, topic: str, matching: str) -> Iterator[str]:
            raise AccessDenied("no")
            yield

    done = []
    with hearing.steps(Denied(), "sample-project", "t", "web", lambda _: None):
        done.append("deployed")

    assert done == ["deployed"]


def test_progress_is_told_until_the_end_and_its_subscription_goes_last() -> None:
    steps: list[Any] = []
    told = threading.Event()

    def tell(step: Any) -> None:
        steps.append(step)
        told.set()

    pulls = Pulls([Message(data=b'{"step": "pulling"}')])
    with hearing.steps(pulls, "sample-project", "t", "web", tell):
        assert told.wait(10)
        assert pulls.is_open

    assert steps == [{"step": "pulling"}]
    assert not pulls.is_open


def service(cause: str, state: State = State.READY) -> Service:
    record = Record(
        image=parse_reference("nginx"),
        index=None,
        child=CHILD,
        cause=cause,
        requested_at=datetime(2026, 11, 1, tzinfo=UTC),
        asked_for="",
        reason="new_service",
        pulled=Proof(blobs=1, bytes=1, seconds=0.1),
    )
    return Service(
        name=NAME,
        etag="e",
        generation=1,
        observed_generation=1,
        reconciling=False,
        condition=Condition(state=state, message="it does not listen"),
        client="transship",
        containers=(),
        settings=Settings(),
        labels={},
        annotations=record.annotations(),
        template_annotations=record.annotations(),
        asked_traffic=(),
        traffic=(),
        latest_created="web-1",
        latest_ready="web-1",
        uri="https://web.example",
    )


class Services:
    def __init__(self, *seen: Service | None) -> None:
        self._seen = list(seen)

    def get(self, name: ServiceName) -> Service | None:
        return self._seen.pop(0) if len(self._seen) > 1 else self._seen[0]


def looked_on(services: Services, *, seconds: float = 5.0) -> Heard | None:
    return hearing.look_on(
        services, NAME, "42", deadline=Deadline.after(seconds), sleep=lambda _: None
    )


def test_without_a_subscription_the_service_tells_that_it_failed() -> None:
    found = looked_on(Services(None, service("41"), service("42", State.FAILED)))

    assert found is not None
    assert (short_type(found.type), found.data["message"]) == ("failed", "it does not listen")
    assert status_of(found) is Status.FAILED


def test_a_service_that_another_event_made_is_not_taken_for_ours() -> None:
    assert looked_on(Services(service("41", State.FAILED)), seconds=0.05) is None


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("deployed", Status.DONE),
        ("planned", Status.DONE),
        ("steered", Status.DONE),
        ("warmed", Status.DONE),
        ("failed", Status.FAILED),
        ("rejected", Status.FAILED),
        ("unchanged", Status.FAILED),
        ("rolled_back", Status.FAILED),
    ],
)
def test_the_status_says_whether_what_was_asked_for_is_so(kind: str, status: Status) -> None:
    event = json.loads(outcome("42", kind).data)

    assert status_of(Heard(type=event["type"], data=event["data"], event=event)) is status


class Given(Tools):
    """Tools whose clients are the test's."""

    def __init__(self, subscriptions: Any, services: Any) -> None:
        place = {"TRANSSHIP_PROJECT": NAME.project, "TRANSSHIP_REGION": NAME.region}
        super().__init__(Output(), place)
        self.given: Any = SimpleNamespace(subscriptions=subscriptions, services=services)

    @property
    def clients(self) -> Any:
        return self.given


def test_it_listens_before_it_speaks() -> None:
    pulls = Pulls([outcome("42")])
    spoken: list[bool] = []

    def publish() -> str:
        spoken.append(pulls.is_open)
        return "42"

    found = publish_and_hear(Given(pulls, None), publish, matching="", service=NAME, within=5.0)

    assert spoken == [True]
    assert found.data["event_id"] == "42"
    assert not pulls.is_open


def test_whoever_may_not_subscribe_is_told_and_watches_the_service(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Denied(Pulls):
        @contextmanager
        def listening(self, project: str, topic: str, matching: str) -> Iterator[str]:
            raise AccessDenied("grant roles/pubsub.editor on the project sample-project")
            yield

    tools = Given(Denied(), Services(service("42", State.FAILED)))

    found = publish_and_hear(tools, lambda: "42", matching="", service=NAME, within=5.0)

    assert short_type(found.type) == "failed"
    assert "roles/pubsub.editor" in capsys.readouterr().err


def test_time_that_runs_out_says_that_the_message_is_on_its_way() -> None:
    with pytest.raises(Ended, match="42 is on its way") as ended:
        publish_and_hear(Given(Pulls(), None), lambda: "42", matching="", service=NAME, within=0.05)

    assert ended.value.exit_code == Status.TIMED_OUT
