"""The folder of a stack: held by one, found by all, never somebody else's."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from local import home
from tests.local.command_line import run

ANNOUNCED = home.Announcement(
    pid=os.getpid(), control="http://127.0.0.1:1", env={"NAME": "a 'b' $c"}
)


def test_a_running_stack_is_found_by_its_folder(tmp_path: Path) -> None:
    with home.claim(tmp_path):
        home.announce(tmp_path, ANNOUNCED)
        assert home.look(tmp_path) == ANNOUNCED


def test_a_second_stack_in_the_folder_is_refused(tmp_path: Path) -> None:
    with home.claim(tmp_path):
        home.announce(tmp_path, ANNOUNCED)
        with (
            pytest.raises(home.NotHere, match=r"runs already in .* \(process [0-9]+\)"),
            home.claim(tmp_path),
        ):
            pass


def test_a_stack_that_has_ended_is_not_found(tmp_path: Path) -> None:
    with home.claim(tmp_path):
        home.announce(tmp_path, ANNOUNCED)
    with pytest.raises(home.NotHere, match="python -m local --dir"):
        home.look(tmp_path)


def test_a_stack_that_died_is_not_found_although_it_left_its_announcement(tmp_path: Path) -> None:
    with home.claim(tmp_path):
        pass
    home.announce(tmp_path, ANNOUNCED)
    with pytest.raises(home.NotHere, match="no stack runs"):
        home.look(tmp_path)


def test_a_stack_that_is_starting_says_so(tmp_path: Path) -> None:
    with home.claim(tmp_path), pytest.raises(home.NotHere, match="just starting"):
        home.look(tmp_path)


def test_what_a_killed_stack_announced_is_not_taken_for_the_next_ones(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    with home.claim(tmp_path):
        home.announce(tmp_path, replace(ANNOUNCED, pid=ended.pid))
        with pytest.raises(home.NotHere, match="just starting"):
            home.look(tmp_path)


def test_what_an_earlier_stack_left_is_cleared_away(tmp_path: Path) -> None:
    with home.claim(tmp_path):
        locked = tmp_path / "run" / "rootfs" / "locked"
        locked.mkdir(parents=True)
        (locked / "file").write_text("left")
        locked.chmod(0o500)
    with home.claim(tmp_path):
        assert not (tmp_path / "run").exists()


def test_a_folder_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "precious").touch()
    with pytest.raises(home.NotHere, match="not the folder of a stack"), home.claim(tmp_path):
        pass
    assert (tmp_path / "log" / "precious").exists()


@pytest.mark.parametrize("verb", [["env"], ["services"], ["outcomes"], ["tags", "hello"]])
def test_without_a_stack_every_verb_says_how_to_start_one(tmp_path: Path, verb: list[str]) -> None:
    result = run(tmp_path / "none", *verb)
    assert result.exit_code == 4
    assert "no stack runs" in result.stderr
    assert "python -m local --dir" in result.stderr


def test_a_folder_that_cannot_be_made_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (Path("/proc/none"), tmp_path / "file" / "below"):
        result = run(folder)
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert "cannot be the folder of a stack" in line
        assert "give --dir one" in line


def test_below_a_file_no_stack_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(home.NotHere, match="no stack runs"):
        home.look(tmp_path / "file" / "below")


def test_the_lock_that_is_no_file_is_not_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(home.NotHere, match="cannot be read"):
        home.look(tmp_path)
    with pytest.raises(home.NotHere, match="cannot be the folder"), home.claim(tmp_path):
        pass
