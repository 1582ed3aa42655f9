"""A fresh world for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

from tests.simulation.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with stamina.set_testing(True, attempts=2), World(tmp_path) as world:
        yield world
