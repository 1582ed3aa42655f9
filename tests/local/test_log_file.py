"""What processes say does not fill the disk, and who reads along misses nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from local.functions import Function
from local.log_file import LogFile, older
from local.logbook import Logbook

LIMIT = 1000


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """Where a process would write; all of it is in the file at the end."""
    reading, writing = os.pipe()
    log = LogFile(path, os.fdopen(reading, "rb"), limit=LIMIT)
    with os.fdopen(writing, "wb", buffering=0) as pipe:
        yield pipe
    log.finish()


def lines(first: int, end: int) -> list[str]:
    return [f"line {number:03}" for number in range(first, end)]


def write(pipe: IO[bytes], said: list[str]) -> None:
    for line in said:
        pipe.write(f"{line}\n".encode())


def test_a_file_begins_again_at_a_line_and_keeps_one_older(tmp_path: Path) -> None:
    path = tmp_path / "function.log"
    with written(path) as pipe:
        write(pipe, lines(0, 1000))
    now, before = path.read_text().splitlines(), older(path).read_text().splitlines()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["function.log", "function.log.1"]
    assert older(path).stat().st_size <= 2 * LIMIT
    assert before + now == lines(1000 - len(before + now), 1000)


def test_a_line_without_an_end_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "revision.log"
    with written(path) as pipe:
        for _ in range(100):
            pipe.write(b"x" * 100)
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) < 6 * LIMIT


@pytest.mark.parametrize("from_start", [True, False])
def test_who_reads_along_gets_each_line_once(tmp_path: Path, *, from_start: bool) -> None:
    path = tmp_path / "function.log"
    book = Logbook(path, from_start=from_start)
    found: list[str] = []
    for first in range(0, 300, 30):
        with written(path) as pipe:
            write(pipe, lines(first, first + 30))
        found += book.new_lines()
    assert found == lines(0, 300)
    assert older(path).exists()


def test_who_comes_later_reads_from_there_on(tmp_path: Path) -> None:
    path = tmp_path / "function.log"
    with written(path) as pipe:
        write(pipe, lines(0, 80))
    book = Logbook(path)
    with written(path) as pipe:
        write(pipe, lines(80, 160))
    assert book.new_lines() == lines(80, 160)


def test_a_function_that_does_not_start_says_why(tmp_path: Path) -> None:
    log = tmp_path / "none.log"
    function = Function("deploy_image", {"TRANSSHIP_PROJECT": "mine"}, threads=1, log=log)
    function.start()
    with pytest.raises(
        RuntimeError, match=r"deploy_image did not start: .* is not set \(more is in"
    ):
        function.wait()
    assert "Traceback" in log.read_text()
