"""What a function has loaded once it has started: nothing slow, whatever its events may need."""

import json
import subprocess
import sys

import pytest

from bench.functions import ROOT, TARGETS, environment

SLOW = (
    "grpc",
    "google.protobuf",
    "proto",
    "google.auth",
    "google.api_core",
    "cryptography",
    "requests",
)
# functions-framework's own, for programs that were written for Python 3.7's runtime.
FRAMEWORKS_OWN = "google.cloud.functions"

# A program of its own: here everything is loaded already.
STARTS = """
import json, sys
from functions_framework import create_app
create_app(sys.argv[1], "main.py")
print(json.dumps(sorted(sys.modules)))
"""


def loaded(target: str) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", STARTS, target],
        cwd=ROOT,
        env=environment(target),
        capture_output=True,
        check=True,
        timeout=60,
    )
    names: list[str] = json.loads(run.stdout)
    return names


@pytest.mark.parametrize("target", TARGETS)
def test_a_function_starts_without_what_is_slow_to_load(target: str) -> None:
    names = loaded(target)

    slow = [name for name in names if any(f"{name}.".startswith(f"{each}.") for each in SLOW)]
    slow += [
        name
        for name in names
        if name.startswith("google.cloud.") and not name.startswith(FRAMEWORKS_OWN)
    ]
    assert slow == []
    assert "main" in names


@pytest.mark.parametrize("target", TARGETS)
def test_a_function_starts_without_the_handlers_of_the_others(target: str) -> None:
    names = loaded(target)

    handlers = {name for name in names if name.startswith("handlers.")}
    assert handlers == {"handlers.boundary", "handlers.payloads"}
    assert "transship.wiring" not in names
    assert "urllib3" not in names
