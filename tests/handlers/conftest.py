"""The function under test, and what it acts on."""

from tests.fixtures.functions import cloud, deployer, impatient

__all__ = ["cloud", "deployer", "impatient"]
