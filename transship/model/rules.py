"""What holds for the automatic deploys of all services: read at the start, so it imports nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """*pace* is how many automatic deploys an hour one service may have."""

    paused: bool = False
    pace: int = 6


DEFAULT_RULES = Rules()
