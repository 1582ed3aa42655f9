"""The demo tells the truth: status 0 after all of it, another when a step failed."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from local.demo import play
from local.samples import Sample, samples
from local.terminal import Terminal, table
from tests.local.command_line import demo_once


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def terminal(output: io.StringIO) -> Terminal:
    return Terminal(Console(file=output, width=80, highlight=False, markup=False))


@pytest.mark.stack
def test_the_demo_shows_a_site_that_was_on_docker_hub_only(tmp_path: Path) -> None:
    done = demo_once(tmp_path / "stack")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "<h1>Hello! This was on Docker Hub only.</h1>" in done.stdout
    assert "nothing changed (up_to_date)" in done.stdout
    assert "<h1>The tag has moved, and so has the site.</h1>" in done.stdout
    assert "<h1>The site has followed its tag again.</h1>" in done.stdout
    assert "\x1b[" not in done.stdout


@pytest.mark.stack
def test_a_step_that_fails_fails_the_demo_and_says_why(
    tmp_path: Path, terminal: Terminal, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_PUBSUB", "ours")  # it starts in milliseconds

    def without_latest() -> Iterator[Sample]:
        for sample in samples():
            yield replace(sample, tag="1.0")

    status = play(tmp_path, terminal, until_stopped=None, shelf=without_latest)
    assert status == 1
    assert "The outcome is rejected: " in output.getvalue()
    assert "event settled" in output.getvalue()  # the end of the function's log


def test_a_stack_that_cannot_start_fails_the_demo(
    tmp_path: Path, terminal: Terminal, output: io.StringIO
) -> None:
    (tmp_path / "precious").touch()
    assert play(tmp_path, terminal, until_stopped=None) == 1
    assert "not the folder of a stack" in output.getvalue()


def test_progress_without_a_terminal_is_told_by_quarters(
    terminal: Terminal, output: io.StringIO
) -> None:
    with terminal.progress("from Docker Hub", 4_000_000) as progress:
        for now in range(0, 4_000_001, 100_000):
            progress(now)
    assert [line.split(": ")[1] for line in output.getvalue().splitlines()] == [
        "1.0 MB of 4.0 MB",
        "2.0 MB of 4.0 MB",
        "3.0 MB of 4.0 MB",
    ]


def test_a_table_without_a_terminal_is_for_cut_and_awk(output: io.StringIO) -> None:
    long = "x" * 200
    table(Console(file=output, width=80), ("name", "image"), [("hello", long)])
    assert output.getvalue() == f"hello\t{long}\n"
