"""The real command against the whole stack: as a process of its own where that is the point."""

import json
import logging
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
import structlog
from click.testing import CliRunner, Result
from google.api_core import exceptions

from local import images, world
from local.pubsub.emulator import Emulator
from local.registry.faults import Fault, pull_limit
from local.registry.wire import Response
from local.stack import Stack
from tests.fixtures.stage import Stage, eventually
from transship.cli.app import transship

pytestmark = pytest.mark.stack

CHECKOUT = Path(__file__).resolve().parents[2]
_SECONDS = 60.0
# So many deliveries, and a message is given up: seconds here, sixteen hours there.
_ATTEMPTS = 5


@pytest.fixture(scope="module")
def own_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    root = tmp_path_factory.mktemp("cli")
    with Stack(root, pubsub=Emulator(), containers=False, attempts=_ATTEMPTS) as stack:
        stage = Stage(stack)
        try:
            yield stage
        finally:
            stage.close()


class Command:
    """`transship` in the environment that `python -m local env` prints."""

    def __init__(self, stage: Stage) -> None:
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(stage.stack.root),
            "LOGNAME": "tester",
            "PYTHONPATH": str(CHECKOUT),
            **stage.stack.settings(world.DEPLOYER),
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "transship", *words],
            env=self.env,
            cwd=self.env["HOME"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def run(self, *words: str, status: int = 0) -> Result:
        """In this process: the stack is real, and Python need not start for each."""
        result = CliRunner().invoke(transship, words, env=self.env, catch_exceptions=False)
        assert result.exit_code == status, (result.stdout, result.stderr)
        return result

    def alone(self, *words: str) -> tuple[int, str, str]:
        """Status, stdout and stderr of a process of its own."""
        with self.start(*words) as process:
            stdout, stderr = process.communicate(timeout=_SECONDS)
        return process.returncode, stdout, stderr

    def documents(self, *words: str, status: int = 0) -> list[dict[str, Any]]:
        printed = self.run(*words, "--format", "json", status=status).stdout
        return [json.loads(line) for line in printed.splitlines()]

    def document(self, *words: str, status: int = 0) -> dict[str, Any]:
        (document,) = self.documents(*words, status=status)
        return document


@pytest.fixture
def command(own_stage: Stage) -> Iterator[Command]:
    level = logging.getLogger().level
    yield Command(own_stage)
    # What the command sets for its own process.
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def followers(stage: Stage) -> list[str]:
    """The subscriptions that commands have made and not deleted."""
    pages = stage._subscriber.list_subscriptions(project=f"projects/{world.PROJECT}")
    return [each.name for each in pages if "/transship-cli-" in each.name]


def test_a_deploy_is_followed_to_its_outcome(own_stage: Stage, command: Command) -> None:
    web = own_stage.fresh()

    status, stdout, stderr = command.alone(
        *("deploy", web.repository, "--service", web.service, "--port", "80"),
        *("--follow", "--format", "json"),
    )

    assert (status, stderr) == (0, "")
    told = json.loads(stdout)
    assert told["type"] == "dev.transship.deployed.v1"
    assert told["data"]["service"] == web.service
    assert own_stage.service(web).template.containers[0].ports[0].container_port == 80
    assert followers(own_stage) == []


def test_a_pipe_gets_the_id_of_the_message_and_nothing_else(
    own_stage: Stage, command: Command
) -> None:
    web = own_stage.fresh()

    status, stdout, stderr = command.alone("deploy", web.repository, "--service", web.service)

    assert own_stage.outcome(stdout.strip())["type"] == "deployed"
    assert (status, stderr) == (0, "")


def test_what_is_rejected_ends_with_status_1_and_says_why(command: Command) -> None:
    done = command.run("deploy", "nobody/nothing", "--service", "none", "--follow", status=1)

    assert "rejected" in done.stdout
    assert "nobody/nothing" in done.stdout


def test_a_deploy_that_takes_too_long_ends_with_status_3(
    own_stage: Stage, command: Command
) -> None:
    web = own_stage.fresh()
    own_stage.mirror.refuse_connections()
    try:
        done = command.run(
            "deploy", web.repository, "--service", web.service, "--follow", "--within=1", status=3
        )
    finally:
        own_stage.mirror.accept_connections()

    assert "dead-letters" in done.stderr
    assert followers(own_stage) == []


def test_flags_say_where_services_are_looked_for(own_stage: Stage, command: Command) -> None:
    web = own_stage.fresh()
    own_stage.settle(web.message())

    here = command.documents("status", "--region", world.LOCATION)
    elsewhere = command.documents("status", "--region", "us-central1")

    assert web.service in [each["service"] for each in here]
    assert elsewhere == []


def test_status_and_why_tell_of_a_held_service_whose_tag_has_moved(
    own_stage: Stage, command: Command
) -> None:
    web = own_stage.fresh()
    own_stage.settle(web.message())
    command.run("hold", web.service, "--why", "release week", "--follow")
    moved = images.static_site("moved")
    own_stage.hub.push(web.repository, "latest", moved)

    (told,) = [each for each in command.documents("status") if each["service"] == web.service]
    why = command.run("why", web.service)

    assert (told["follows"], told["upstream"]) == (False, moved.digest)
    assert [each["reason"] for each in told["reasons"]] == ["held"]
    assert f"transship release {web.service}" in why.stdout

    command.run("release", web.service, "--follow")
    assert command.document("status", web.service)["reasons"][0]["reason"] != "held"


def test_a_hold_says_who_asked_and_why(own_stage: Stage, command: Command) -> None:
    web = own_stage.fresh()
    own_stage.settle(web.message())

    command.run("hold", web.service, "--why", "release week", "--follow")

    note = json.loads(own_stage.service(web).annotations["transship.dev/hold"])
    assert (note["by"], note["why"]) == ("tester", "release week")
    told = command.run("why", web.service).stdout
    assert "by tester, " in told
    assert "release week" in told
    document = command.document("why", web.service)
    (held,) = [each for each in document["reasons"] if each["reason"] == "held"]
    assert (held["by"], held["why"]) == ("tester", "release week")


def test_a_rollback_says_that_it_was_made(own_stage: Stage, command: Command) -> None:
    web = own_stage.fresh()
    before = own_stage.settle(web.message())["revision"]
    own_stage.hub.push(web.repository, "latest", images.static_site("moved"))
    own_stage.settle(web.message())

    told = command.run(
        "rollback", web.service, "--revision", before, "--why", "old was nicer", "--follow"
    )

    assert f"visitors have {before}" in told.stdout
    assert "tester: old was nicer" in told.stdout
    serving = [each for each in own_stage.service(web).traffic_statuses if each.percent]
    assert [each.revision for each in serving] == [before]
    why = command.run("why", web.service).stdout
    assert "is kept from what" in why
    assert "up_to_date" not in why


def test_why_does_not_guess_while_the_upstream_is_silent(
    own_stage: Stage, command: Command
) -> None:
    web = own_stage.fresh()
    own_stage.settle(web.message())
    own_stage.hub.faults.add(Fault(response=Response(status=503)))
    try:
        why = command.run("why", web.service).stdout
    finally:
        own_stage.hub.faults.clear()

    assert "nobody knows just now what" in why
    assert "does not run" not in why


def test_skip_means_what_the_tag_means_now(own_stage: Stage, command: Command) -> None:
    web = own_stage.fresh()
    own_stage.settle(web.message())
    moved = images.static_site("moved")
    own_stage.hub.push(web.repository, "latest", moved)

    command.run("skip", web.service, "--follow")

    skipped = own_stage.service(web).annotations["transship.dev/skip"]
    assert moved.digest in skipped


def watch(command: Command, *words: str) -> str:
    """What somebody sees who sits at a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "transship", *words],
        env={**command.env, "TERM": "xterm-256color", "COLUMNS": "80"},
        cwd=command.env["HOME"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        seen = bytearray()
        # Linux ends the reading of a terminal that nobody has open any more by an error.
        with suppress(OSError):
            while piece := os.read(ours, 4096):
                seen += piece
    os.close(ours)
    assert process.returncode == 0, seen.decode()
    return seen.decode()


def test_somebody_at_a_terminal_sees_how_far_it_is(own_stage: Stage, command: Command) -> None:
    web = own_stage.fresh()
    # A megabyte, in a few seconds.
    own_stage.mirror.faults.add(Fault(path=".", method="GET", bytes_per_second=400_000))
    try:
        seen = watch(command, "deploy", web.repository, "--service", web.service)
    finally:
        own_stage.mirror.faults.clear()

    assert re.search(r"pulling through the mirror: [0-9.]+ (bytes|[kM]B) of", seen)
    assert f"✓ {web.service} runs" in click.unstyle(seen)


def test_a_terminal_without_colours_gets_none(own_stage: Stage, command: Command) -> None:
    web = own_stage.fresh()
    own_stage.settle(web.message())

    coloured = watch(command, "why", web.service)
    command.env["NO_COLOR"] = "1"
    plain = watch(command, "why", web.service)

    assert "\x1b[32m" in coloured
    assert "\x1b[32m" not in plain


def test_warm_puts_an_image_into_the_mirror(own_stage: Stage, command: Command) -> None:
    web = own_stage.fresh()
    assert command.documents("images", web.repository) == []

    command.run("warm", web.repository, "--follow")

    held = command.document("images", web.repository)
    assert held["tags"] == ["latest"]


def test_tags_are_those_of_the_upstream_page_by_page(own_stage: Stage, command: Command) -> None:
    web = own_stage.fresh()
    names = sorted(f"v{number}" for number in range(120))
    for name in names:
        own_stage.hub.push(web.repository, name, images.static_site("one"))

    everything = command.run("tags", web.repository, "--limit", "500").stdout.split()
    first = command.run("tags", web.repository, "--limit", "10")
    rest = command.run("tags", web.repository, "--after", names[9], "--limit", "3").stdout.split()

    assert everything == sorted([*names, "latest"])
    assert first.stdout.split() == everything[:10]
    assert "--after" in first.stderr
    assert rest == everything[everything.index(names[9]) + 1 :][:3]


def test_outcomes_are_told_as_they_happen_until_ctrl_c(own_stage: Stage, command: Command) -> None:
    web = own_stage.fresh()
    with command.start("outcomes", "--follow", "--format", "json") as listening:
        try:
            eventually(lambda: bool(followers(own_stage)), "the command listens")
            event_id = own_stage.publish(web.message())
            assert listening.stdout is not None
            told = json.loads(listening.stdout.readline())
        finally:
            listening.send_signal(signal.SIGINT)
        assert listening.wait(_SECONDS) == 130

    assert told["data"]["event_id"] == event_id
    assert followers(own_stage) == []


def test_past_outcomes_are_read_from_the_log(own_stage: Stage, command: Command) -> None:
    web = own_stage.fresh()
    event_id = own_stage.publish(web.message())
    own_stage.outcome(event_id)
    eventually(lambda: event_id in settled(own_stage), "the outcome is in the log")

    told = command.document("outcomes", "--service", web.service)

    assert (told["event_id"], told["type"]) == (event_id, "dev.transship.deployed.v1")


def test_nobody_who_may_read_the_log_is_told_which_grant_is_missing(
    own_stage: Stage, command: Command
) -> None:
    own_stage.stack.logging.denied.add(world.DEPLOYER)
    try:
        done = command.run("outcomes", status=4)
    finally:
        own_stage.stack.logging.denied.clear()

    assert "roles/logging.viewer" in done.stderr


def given_up(stage: Stage, message: object) -> str:
    """The id of the dead letter that *message* becomes while Docker Hub answers 429."""
    before = retained(stage)
    stage.hub.faults.add(pull_limit())
    try:
        stage.publish(message)
        eventually(lambda: bool(retained(stage) - before), "the message is given up")
    finally:
        stage.hub.faults.clear()
    (letter,) = retained(stage) - before
    logged(stage, "dead letter", letter)
    return letter


def settled(stage: Stage) -> set[str]:
    """The events whose outcomes Cloud Logging has by now."""
    return {
        entry["event_id"]
        for entry in stage.stack.logging.payloads()
        if entry["message"] == "event settled"
    }


def retained(stage: Stage) -> set[str]:
    name = world.subscription("transship-dead-letter-retained")
    assert isinstance(stage.stack.pubsub, Emulator)
    return {each.message_id for each in stage.stack.pubsub.backlog(name)}


def logged(stage: Stage, what: str, letter: str) -> None:
    """Until the log has an entry of *what* about *letter*, as whoever asks for entries gets it."""

    def has() -> bool:
        return any(
            entry.get("message") == what and entry.get("dead_letter") == letter
            for entry in stage.stack.logging.payloads()
        )

    eventually(has, f"{what} {letter} is on record")


def test_a_dead_letter_is_shown_replayed_and_settled(own_stage: Stage, command: Command) -> None:
    web = own_stage.fresh()
    letter = given_up(own_stage, web.message())
    shown = command.document("dead-letters", "show", letter)
    assert json.loads(shown["text"])["service"] == web.service
    assert shown["deliveries"] == _ATTEMPTS
    assert letter in retained(own_stage)

    command.run("dead-letters", "replay", letter)

    told = own_stage.outcome(letter)
    assert (told["type"], told["service"]) == ("deployed", web.service)
    assert letter not in retained(own_stage)
    assert told["event_id"] == letter
    logged(own_stage, "dead letter settled", letter)
    assert letter not in [each["dead_letter"] for each in command.documents("dead-letters", "list")]


def test_a_replay_that_comes_twice_changes_nothing_the_second_time(
    own_stage: Stage, command: Command
) -> None:
    web = own_stage.fresh()
    letter = given_up(own_stage, web.message())
    command.run("dead-letters", "replay", letter)
    first = own_stage.outcome(letter)
    logged(own_stage, "dead letter settled", letter)
    refused = command.run("dead-letters", "replay", letter, status=1)
    assert "replayed by tester already" in refused.stderr

    command.run("dead-letters", "replay", letter, "--again")

    assert own_stage.outcomes(letter, at_least=2)[1]["data"] == {
        key: value for key, value in first.items() if key != "type"
    }
    assert own_stage.writes(web) == ["CreateService"]


def test_what_is_too_long_for_a_record_is_replayed_whole_from_its_copy(
    own_stage: Stage, command: Command
) -> None:
    web = own_stage.fresh()
    variables = {f"NAME_{number}": "x" * 1000 for number in range(80)}
    letter = given_up(own_stage, web.message(env_vars=variables))
    assert "text" not in command.document("dead-letters", "show", letter)

    command.run("dead-letters", "replay", letter)

    assert own_stage.outcome(letter)["type"] == "deployed"
    assert len(own_stage.service(web).template.containers[0].env) == len(variables)


def test_a_copy_that_somebody_else_holds_is_not_replayed(
    own_stage: Stage, command: Command
) -> None:
    web = own_stage.fresh()
    letter = given_up(own_stage, web.message())
    name = world.subscription("transship-dead-letter-retained")
    held = own_stage._subscriber.pull(subscription=name, max_messages=10, timeout=_SECONDS)

    done = command.run("dead-letters", "replay", letter, status=1)

    assert "Nothing was done" in done.stderr
    assert letter in retained(own_stage)
    with pytest.raises(exceptions.NotFound):
        own_stage.service(web)

    own_stage._subscriber.modify_ack_deadline(
        subscription=name,
        ack_ids=[each.ack_id for each in held.received_messages],
        ack_deadline_seconds=0,
    )
    command.run("dead-letters", "replay", letter)
    assert own_stage.outcome(letter)["type"] == "deployed"


def test_a_replay_does_not_undo_what_was_asked_for_since(
    own_stage: Stage, command: Command
) -> None:
    web = own_stage.fresh()
    letter = given_up(own_stage, web.message(port=81))
    assert own_stage.settle(web.message(port=80))["type"] == "deployed"

    command.run("dead-letters", "replay", letter)

    assert own_stage.outcome(letter)["reason"] == "superseded"
    assert own_stage.service(web).template.containers[0].ports[0].container_port == 80


def test_a_replayed_hint_of_gcr_is_heard_and_nobody_else_hears_of_a_push(
    own_stage: Stage, command: Command
) -> None:
    web = own_stage.fresh()
    own_stage.settle(web.message())
    pushed = {"action": "INSERT", "tag": f"{world.MIRROR}/{web.repository}:latest"}
    given_up = {
        "CloudPubSubDeadLetterSourceSubscription": "gcr-push",
        "CloudPubSubDeadLetterSourceSubscriptionProject": world.PROJECT,
    }
    letter = own_stage.publish(pushed, world.DEAD_LETTER, given_up)
    logged(own_stage, "dead letter", letter)

    done = command.document("dead-letters", "replay", letter)

    assert done["topic"] == world.HINTS
    told = own_stage.outcome(letter)
    assert (told["type"], told["origin"]) == ("refreshed", "gcr")


def test_what_is_discarded_is_gone_and_on_record(own_stage: Stage, command: Command) -> None:
    web = own_stage.fresh()
    letter = given_up(own_stage, web.message())

    command.run("dead-letters", "discard", letter)

    assert letter not in retained(own_stage)
    logged(own_stage, "dead letter settled", letter)
    listed = command.documents("dead-letters", "list", "--all")
    (told,) = [each for each in listed if each["dead_letter"] == letter]
    assert (told["verdict"], told["by"]) == ("discarded", "tester")
    with pytest.raises(exceptions.NotFound):
        own_stage.service(web)


def test_no_stack_is_said_at_once(command: Command) -> None:
    command.env["PUBSUB_EMULATOR_HOST"] = "127.0.0.1:1"

    done = command.run("status", status=4)

    assert "python -m local" in done.stderr
