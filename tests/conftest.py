"""What a test leaves behind must not reach the next one."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _level_of_logging() -> Iterator[None]:
    """The command line silences the log of its process, which in tests is everybody's."""
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)
