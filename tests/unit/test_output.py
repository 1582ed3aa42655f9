"""What a terminal shows of many things: a table where there is room, else a block for each."""

import io

import pytest
from rich.console import Console

from transship.cli.output import Output

COLUMNS = ("service", "tracks", "runs", "upstream", "why")
REASONS = "upstream_unavailable, quarantined, held"


def shown(rows: list[tuple[str, ...]], *, width: int = 80) -> str:
    output, terminal = Output(), io.StringIO()
    output.__dict__["console"] = Console(
        file=terminal, width=width, force_terminal=True, color_system=None
    )
    output.rows(COLUMNS, rows, [], empty="")
    return terminal.getvalue()


def row(service: str, why: str = "up_to_date", tracks: str = "web:1") -> tuple[str, ...]:
    return (service, tracks, "0123456789ab", "0123456789ab", why)


def test_what_fits_is_a_table() -> None:
    head, *lines = shown([row("web"), row("shop")]).splitlines()

    assert head.split() == [*COLUMNS]
    assert [line.split()[0] for line in lines] == ["web", "shop"]


def test_the_last_column_is_broken_between_words() -> None:
    text = shown([row("web", why=REASONS)])

    assert text.splitlines()[0].split() == [*COLUMNS]
    assert "quarantined" in text


@pytest.mark.parametrize("width", [40, 60, 80])
def test_what_does_not_fit_loses_nothing(width: int) -> None:
    long = row("a-service-of-a-long-name", why=REASONS, tracks="somebody/with-a-long-image:1.27")

    text = shown([long, row("web")], width=width)

    assert all(cell in text for cell in (*long, *row("web")))


def test_what_is_empty_everywhere_is_left_out() -> None:
    assert "runs" not in shown([("web", "web:1", "", "", "held")])
