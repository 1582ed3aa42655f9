"""The real command in the environment of a stack of its own."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result

from local import world
from local.pubsub.emulator import Emulator
from local.stack import Stack
from tests.fixtures.stage import Stage
from transship.cli.app import transship

CHECKOUT = Path(__file__).resolve().parents[2]
SECONDS = 60.0
# So many deliveries, and a message is given up: seconds here, sixteen hours there.
ATTEMPTS = 5


@pytest.fixture(scope="module")
def own_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    root = tmp_path_factory.mktemp("cli")
    with Stack(root, pubsub=Emulator(), containers=False, attempts=ATTEMPTS) as stack:
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
            stdout, stderr = process.communicate(timeout=SECONDS)
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


def settled(stage: Stage) -> set[str]:
    """The events whose outcomes Cloud Logging has by now."""
    return {
        entry["event_id"]
        for entry in stage.stack.logging.payloads()
        if entry["message"] == "event settled"
    }
