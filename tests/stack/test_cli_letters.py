"""Dead letters by the command line: each is settled once, and undoes nothing that came since."""

import json
import re

import pytest
from google.api_core import exceptions

from local import world
from local.pubsub.emulator import Emulator
from local.registry.faults import pull_limit
from tests.fixtures.stage import Stage, eventually
from tests.stack.command import ATTEMPTS, SECONDS, Command

pytestmark = pytest.mark.stack


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
    assert shown["deliveries"] == ATTEMPTS
    assert "429" in shown["reason"], (
        "Pub/Sub gave it another id, and its reason is found all the same"
    )
    facts = command.run("dead-letters", "show", letter).stdout
    times = dict(line.split("\t") for line in facts.splitlines() if "\t" in line)
    listed = command.run("dead-letters", "list").stdout
    assert f"{letter}\t{times['given up']}\t" in listed
    for time in (times["given up"], times["first published"]):
        assert re.fullmatch(r"[-0-9]{10} [:0-9]{8} UTC", time)
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
    held = own_stage._subscriber.pull(subscription=name, max_messages=10, timeout=SECONDS)

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
        "CloudPubSubDeadLetterSourceSubscription": "transship-gcr",
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
