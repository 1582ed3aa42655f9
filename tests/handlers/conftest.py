"""The function under test, and what it acts on."""

from tests.fixtures.functions import cloud, deployer, impatient
from tests.handlers.console_page import logging, opened, page

__all__ = ["cloud", "deployer", "impatient", "logging", "opened", "page"]
