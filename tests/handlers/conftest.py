"""The function under test, and what it acts on."""

import pytest

from tests.fixtures.functions import cloud, deployer, impatient
from tests.fixtures.refresher import follower, refresher, refresher_topics
from tests.handlers.console_page import logging, opened, page

__all__ = [
    "cloud",
    "deployer",
    "follower",
    "impatient",
    "logging",
    "opened",
    "page",
    "refresher",
    "refresher_topics",
]


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cloud Run is done in milliseconds here: who waits for it looks soon for the first time."""
    for module in ("rollout", "trial"):
        monkeypatch.setattr(f"transship.{module}._FIRST_LOOK", 0.02)
