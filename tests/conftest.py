"""What a test leaves behind must not reach the next one."""

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """The command line silences the log of its process, which in tests is everybody's."""
    level = logging.getLogger().level
    configured = structlog.get_config() if structlog.is_configured() else None
    yield
    logging.getLogger().setLevel(level)
    if configured is None:
        structlog.reset_defaults()
    else:
        structlog.configure(**configured)
