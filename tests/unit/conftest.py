"""What the tests of trials have in common."""

from tests.unit.trials import impatient, world

__all__ = ["impatient", "world"]
