"""Reasons are words that people search for: documented, stable in form, and all in use."""

import re
from pathlib import Path

from tools import reasons
from transship.model.reason import Reason

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_says_what_the_code_says() -> None:
    assert reasons.main(["--check"]) == 0


def test_every_reason_is_a_word_and_says_how_to_clear_it() -> None:
    for reason in Reason:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", reason.value)
        assert reason.name.lower() == reason.value
        assert reason.help


def test_every_reason_is_given_somewhere() -> None:
    sources = [
        path.read_text()
        for folder in ("handlers", "transship")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "reason.py"
    ]

    unused = [r.name for r in Reason if not any(f"Reason.{r.name}" in text for text in sources)]
    assert unused == []
