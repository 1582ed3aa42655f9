"""A run of experiments: taken up, recorded, and taken back; and the catalogue of all of them."""

import doctest
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest

from local.clock import Clock
from local.registry.grants import Grants
from tests.fixtures.live_stage import ACCOUNT, PUBSUB, Stage, stage
from tests.live import calls, catalogue, functions, google, infrastructure, undo
from tests.live.experiment import Bench, Experiment, Step
from tests.live.run import State

__all__ = ["stage"]

EXPERIMENTS: dict[str, Experiment] = {each.name: each for each in catalogue.EXPERIMENTS}
PAGE = Path(__file__).parents[2] / "docs" / "live.md"
# A token or a signature of the stand-ins.
SIGNED = re.compile(r"eyJ[\w-]{30,}\.[\w-]{43}")


def test_a_run_is_taken_up_by_another_process(stage: Stage) -> None:
    first = stage.runner(patience=timedelta(minutes=15))
    experiment = EXPERIMENTS["audit-of-pulls"]

    due = first.run([experiment])

    assert due is not None
    assert due > stage.cloud.now() + timedelta(minutes=15)
    stage.clock.move((due - stage.cloud.now()).total_seconds())
    stage.state = State.load(stage.state.path)
    assert stage.play(experiment)["U1"]["moved"]


def test_a_failure_is_recorded_and_ends_its_experiment_alone(stage: Stage) -> None:
    def fail(_: Bench) -> None:
        raise LookupError("nothing there")

    broken = replace(EXPERIMENTS["listed-tags"], name="broken", steps=(Step(run=fail),))

    assert stage.runner().run([broken, EXPERIMENTS["listed-tags"]]) is None

    assert stage.record("broken")["failed"] == "LookupError: nothing there"
    assert stage.record("listed-tags")["answers"]["U14"]["follows_a_move"] is False


def test_a_record_tells_everything_but_secrets(stage: Stage) -> None:
    stage.play(EXPERIMENTS["tag-window"])

    record = stage.record("tag-window")

    assert record["questions"] == dict(EXPERIMENTS["tag-window"].questions)
    assert {call.get("status") for call in record["calls"]} >= {200, 401}
    text = json.dumps(record) + stage.state.path.read_text()
    assert SIGNED.search(Grants(Clock()).sign({"user": "me"}, 60))
    assert not SIGNED.search(text)
    assert ACCOUNT[1] not in text
    assert "ya29." not in text


def test_what_was_made_is_taken_back_newest_first(stage: Stage) -> None:
    base = "https://pubsub.googleapis.com/v1/projects/sample-project"
    for made in ("topics/one", "topics/two"):
        stage.state.remember({"kind": "delete", "url": f"{base}/{made}"})
        stage.cloud.google.done("PUT", f"{base}/{made}", {})
    stage.calls.take()

    assert undo.sweep(stage.cloud.google, stage.state, lambda _: None)

    deleted = [call["call"] for call in stage.calls.take()]
    assert deleted == [f"DELETE {base}/topics/two", f"DELETE {base}/topics/one"]
    assert State.load(stage.state.path).undo == []


def test_what_cannot_be_taken_back_is_kept_and_said(stage: Stage) -> None:
    stage.state.remember({"kind": "delete", "url": f"https://{PUBSUB}/v1/not/a/topic"})
    said: list[str] = []

    assert not undo.sweep(stage.cloud.google, stage.state, said.append)

    assert "not/a/topic" in said[0]
    assert len(State.load(stage.state.path).undo) == 1


def test_names_are_names_of_one_experiment() -> None:
    assert len(EXPERIMENTS) == len(catalogue.EXPERIMENTS)


def test_what_has_to_be_agreed_to_is_left_out_until_it_is() -> None:
    assert "hub-exhausted" not in {each.name for each in catalogue.chosen(["L0"], [])}
    assert "hub-exhausted" in {each.name for each in catalogue.chosen(["L0"], ["hub-exhausted"])}


def test_what_runs_alone_is_never_beside_another() -> None:
    assert [each.name for each in catalogue.chosen(["L8"], [])] == ["terraform"]
    assert all(not each.alone for each in catalogue.chosen([], []))


def test_the_page_has_the_questions_that_are_open() -> None:
    asked = {question for each in catalogue.EXPERIMENTS for question in each.questions}
    assert set(re.findall(r"^### (U\d+) ", PAGE.read_text(), re.MULTILINE)) == asked


def test_a_question_is_settled_by_the_command_beside_it() -> None:
    entries = re.findall(
        r"^### (U\d+) .*?ARGS=\"([^\"]*)\"", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert entries
    for question, arguments in entries:
        words = arguments.split()
        agreed = [word.removeprefix("--agree=") for word in words if word.startswith("--agree=")]
        wanted = [word for word in words if not word.startswith("--")]
        assert any(question in each.questions for each in catalogue.chosen(wanted, agreed))


@pytest.mark.parametrize(
    "module", [calls, functions, google, infrastructure], ids=lambda each: each.__name__
)
def test_the_examples_hold(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0
