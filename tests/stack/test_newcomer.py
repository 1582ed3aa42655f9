"""Somebody who has read the README and nothing else, at a terminal of their own."""

import json
import os
import pty
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.running import Running, running
from local.samples import samples
from tests.fixtures.stage import eventually

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 60.0
_OUTCOMES = "transship outcomes --service static-site --format json"


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv("LOCAL_PUBSUB", "ours")  # who has nothing of Google's
    with running(tmp_path / "stack", shelf=samples()) as stack:
        yield stack


def blocks() -> list[list[str]]:
    """What the README says to type after `make demo`, block by block."""
    _, _, trial = (ROOT / "README.md").read_text().partition("In a second terminal")
    trial, _, _ = trial.partition("\n## ")
    found = re.findall(r"```console\n(.*?)```", trial, re.DOTALL)
    return [re.findall(r"^\$ (.*)$", block, re.MULTILINE) for block in found]


def type_in(stack: Running, commands: list[str]) -> str:
    """What a terminal shows; each command has to end well."""
    ours, theirs = pty.openpty()
    env = {
        "HOME": str(stack.folder),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TERM": "dumb",
        "TRANSSHIP_LOCAL_DIR": str(stack.folder),
        "USER": "newcomer",
    }
    script = "\n".join(("set -e", *blocks()[0][:2], *commands))
    with subprocess.Popen(
        ["bash", "-c", script], stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=env
    ) as shell:
        os.close(theirs)
        shown = b""
        while True:
            try:
                said = os.read(ours, 4096)
            except OSError:  # the last one who could write has closed it
                break
            if not said:
                break
            shown += said
        os.close(ours)
        text = shown.decode(errors="replace")
        assert shell.wait(_PATIENCE) == 0, text
    return text


def test_what_the_readme_says_to_type_does_what_it_says(stack: Running) -> None:
    begin, deploy, move, hold = blocks()
    assert begin[:2] == ["source .venv/bin/activate", 'eval "$(python -m local env)"']

    assert "hello" in type_in(stack, begin[2:])
    assert "static-site runs what dockersamples/static-site:latest means" in type_in(stack, deploy)
    type_in(stack, move)
    # The move may have an outcome already.
    [told, *_] = map(json.loads, type_in(stack, [_OUTCOMES]).splitlines())
    eventually(lambda: "Moved by hand" in page(told["url"]), "the service follows")
    why = type_in(stack, hold)

    assert "does not run what dockersamples/static-site:latest means" in why
    assert "trying it out" in why
    assert "transship release static-site" in why
    assert "Moved by hand" in page(told["url"])


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:
        return str(answer.read().decode())
