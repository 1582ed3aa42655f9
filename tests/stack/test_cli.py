"""The real command against the whole stack: as a process of its own where that is the point."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import click
import pytest

from local import images, world
from local.registry.faults import Fault, pull_limit
from local.registry.wire import Response
from tests.fixtures.stage import Stage, eventually
from tests.stack.command import SECONDS, Command, followers, settled

pytestmark = pytest.mark.stack


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


def watch(command: Command, *words: str, until: str = "") -> str:
    """What somebody sees who sits at a terminal, and who presses Ctrl-C where *until* is seen."""
    ours, theirs = pty.openpty()
    status = 130 if until else 0
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
                if until and until.encode() in seen:
                    process.send_signal(signal.SIGINT)
                    until = ""
    os.close(ours)
    assert process.returncode == status, seen.decode()
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
    told = command.run("images", web.repository, status=1)
    assert f"transship warm {web.repository}" in told.stderr

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
        assert listening.wait(SECONDS) == 130

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


def test_no_stack_is_said_at_once(command: Command) -> None:
    command.env["PUBSUB_EMULATOR_HOST"] = "127.0.0.1:1"

    done = command.run("status", status=4)

    assert "python -m local" in done.stderr


def test_what_is_not_there_ends_with_status_1_and_what_to_do(command: Command) -> None:
    assert "transship warm nosuch" in command.run("images", "nosuch", status=1).stderr
    assert "does not exist" in command.run("tags", "nosuch", status=1).stderr


def test_a_registry_that_does_not_answer_ends_with_status_4(
    own_stage: Stage, command: Command
) -> None:
    web = own_stage.fresh()
    own_stage.hub.faults.add(Fault(response=Response(status=503)))
    try:
        assert "503" in command.run("tags", web.repository, status=4).stderr
    finally:
        own_stage.hub.faults.clear()


def test_what_cannot_be_written_is_a_sentence(own_stage: Stage, command: Command) -> None:
    web = own_stage.fresh()
    own_stage.settle(web.message())
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "transship", "status", "--format", "json"],
            env=command.env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "No space left on device" in done.stderr


def test_who_stops_waiting_for_a_deploy_that_is_tried_again_is_told_so(
    own_stage: Stage, command: Command
) -> None:
    web = own_stage.fresh()
    own_stage.hub.faults.add(pull_limit())
    try:
        seen = watch(
            command, "deploy", web.repository, "--service", web.service, until="tried again soon"
        )
    finally:
        own_stage.hub.faults.clear()

    assert "429" in seen
    assert "is on its way all the same" in " ".join(seen.split())
