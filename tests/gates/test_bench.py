"""The bench runs, on inputs that are too small to say anything."""

import shutil

import pytest

from bench import page
from bench.__main__ import TABLES
from bench.day import simulate
from transship.model.schedule import LONGEST

_NEEDS = {"pull": ("docker-registry", "skopeo", "gcc"), "sweep": ("docker-registry", "curl")}


@pytest.mark.parametrize("name", list(TABLES))
def test_each_table_can_be_measured(name: str) -> None:
    for program in _NEEDS.get(name, ()):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is missing")

    text = TABLES[name](True)

    assert text.startswith("## ")
    assert text.count("\n| ") >= 2, "a head and a row"


def test_the_page_has_a_part_for_each_table() -> None:
    text = page.PAGE.read_text()

    assert all(f"<!-- {name} -->" in text for name in TABLES)


@pytest.mark.parametrize("count", [100, 1000])
def test_a_day_of_sweeps_finds_every_move_in_time_and_pulls_nothing_else(count: int) -> None:
    tallies = simulate(count)

    assert tallies["never"].pulls == 0
    assert tallies["never"].requests == 24 * tallies["never"].tags, "one look an hour"
    for kind in ("hourly", "weekly"):
        assert len(tallies[kind].lags) == tallies[kind].pulls > 0
        assert max(tallies[kind].lags) <= LONGEST
    total = sum(tally.requests for tally in tallies.values())
    assert total < 288 * count, "fewer than by polling every five minutes"
