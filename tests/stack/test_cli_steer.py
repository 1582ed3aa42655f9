"""Why a service runs what it runs, by the command line, and how to change that."""

import json
import subprocess
import sys

import pytest

from local import images
from local.registry.faults import Fault
from local.registry.wire import Response
from tests.fixtures.stage import Stage
from tests.stack.command import SECONDS, Command

pytestmark = pytest.mark.stack


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


def test_status_lists_the_revisions_and_a_rollback_needs_no_name(
    own_stage: Stage, command: Command
) -> None:
    web = own_stage.fresh()
    first = own_stage.settle(web.message())["revision"]
    own_stage.hub.push(web.repository, "latest", images.static_site("moved"))
    second = own_stage.settle(web.message())["revision"]

    listed = command.document("status", web.service)["revisions"]

    assert [(each["revision"], each["is"]) for each in listed] == [
        (second, "serves"),
        (first, "retired"),
    ]
    assert [each["takes_visitors"] for each in listed] == [False, True]
    assert f"visitors have {first}" in command.run("rollback", web.service, "--follow").stdout
    told = command.document("status", web.service)
    assert (told["revision"], told["follows"]) == (first, False)
    assert told["runs"] == listed[1]["runs"], "what visitors get, not what was given"
    assert told["given"] == listed[0]["runs"]
    assert told["reasons"][0]["why"].startswith("withdrawn by tester")


def test_a_shell_offers_the_names_of_services(own_stage: Stage, command: Command) -> None:
    web = own_stage.fresh()
    own_stage.settle(web.message())

    def offered(words: str, **more: str) -> list[str]:
        shell = {"_TRANSSHIP_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "2"}
        done = subprocess.run(
            [sys.executable, "-m", "transship"],
            env={**command.env, **shell, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert done.stderr == ""
        return [line.removeprefix("plain,") for line in done.stdout.split()]

    for verb in ("status", "why", "hold"):
        assert web.service in offered(f"transship {verb} {web.service[:-1]}")
    assert offered("transship status nothing-like-it") == []
    assert offered("transship status w", PUBSUB_EMULATOR_HOST="127.0.0.1:1") == [], "no stack"


def test_another_image_of_the_same_name_takes_no_services_place(
    own_stage: Stage, command: Command
) -> None:
    web = own_stage.fresh()
    own_stage.hub.push(f"mine/{web.service}", "latest", images.static_site("mine"))
    own_stage.hub.push(f"theirs/{web.service}", "latest", images.static_site("theirs"))
    command.run("deploy", f"mine/{web.service}", "--follow")

    told = command.run("deploy", f"theirs/{web.service}", "--follow", status=1)

    assert f"{web.service} runs docker.io/mine/{web.service}:latest" in told.stdout
    named = ("--service", web.service)
    command.run("deploy", f"theirs/{web.service}", *named, "--follow")
    tracks = command.document("status", web.service)["tracks"]
    assert tracks == f"docker.io/theirs/{web.service}:latest"
