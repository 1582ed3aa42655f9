"""The stack as processes: it ends in order, and what ends it otherwise leaves nothing behind."""

import os
import signal
from pathlib import Path

import pytest

from local import home
from tests.fixtures.stage import eventually
from tests.local.command_line import Terminal, await_gone, started

pytestmark = pytest.mark.stack


def deploy_hello(terminal: Terminal) -> None:
    message = '{"image": "hello", "allow_unauthenticated": true}'
    deployed = terminal.run("publish", "--wait", "--within", "40", message)
    assert deployed.exit_code == 0, deployed.output + terminal.ok("logs")


def test_ctrl_c_leaves_no_process_and_no_error(tmp_path: Path) -> None:
    with started(tmp_path / "stack") as terminal:
        deploy_hello(terminal)
        family = terminal.descendants()
        os.killpg(terminal.process.pid, signal.SIGINT)  # as a terminal sends it, to all of them
        assert terminal.process.wait(30) == 0
        assert family
        assert await_gone(family) == set()
        with pytest.raises(home.NotHere):
            home.look(terminal.folder)
    assert "Traceback" not in (tmp_path / "stack.txt").read_text()


def test_kill_leaves_no_function_and_no_container_and_the_folder_can_be_taken(
    tmp_path: Path,
) -> None:
    with started(tmp_path / "stack") as terminal:
        deploy_hello(terminal)
        family = terminal.descendants()
        terminal.process.kill()
        assert family
        assert await_gone(family) == set()
    with home.claim(tmp_path / "stack") as folder:
        assert not (folder / "run").exists()


def test_two_stacks_run_side_by_side(tmp_path: Path) -> None:
    with started(tmp_path / "one") as one, started(tmp_path / "two") as two:
        deploy_hello(one)
        assert one.ok("services").startswith("hello\t")
        assert two.ok("services") == ""


def test_who_starts_a_stack_chooses_the_policy_and_when_messages_are_given_up(
    tmp_path: Path,
) -> None:
    policy = '{"images": ["docker.io/library/**"]}'
    with started(tmp_path / "own", "up", "--attempts", "5", TRANSSHIP_POLICY=policy) as terminal:
        assert home.look(terminal.folder).env["TRANSSHIP_POLICY"] == policy
        refused = terminal.run("publish", "--wait", '{"image": "somebody/else"}')
        assert "is not an allowed image" in refused.stderr

        terminal.ok("down", "deploy_image")
        terminal.ok("publish", '{"image": "hello"}')
        eventually(lambda: "dead letter" in terminal.ok("logs", "bury"), "it is given up")
    assert f"TRANSSHIP_POLICY={policy}" in (tmp_path / "own.txt").read_text()
