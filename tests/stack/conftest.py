"""One stack for all of these tests: what a test needs of its own, it names freshly."""

from tests.fixtures.stage import shared_stage, stage

__all__ = ["shared_stage", "stage"]
