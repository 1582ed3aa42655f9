"""What a gate may lean on: counts, bytes, memory and ratios of processor time, never a clock."""

from tests.fixtures.functions import cloud, deployer, impatient

__all__ = ["cloud", "deployer", "impatient"]
