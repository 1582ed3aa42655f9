"""One stack for all of these tests: what a test needs of its own, it names freshly."""

from tests.fixtures.stage import shared_stage, stage
from tests.stack.command import command, own_stage

__all__ = ["command", "own_stage", "shared_stage", "stage"]
