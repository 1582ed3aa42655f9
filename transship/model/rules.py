"""What holds for the automatic deploys of all services: known at the start, so it imports none."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """*pace* is how many automatic deploys an hour one service may have."""

    paused: bool = False
    pace: int = 6


DEFAULT_RULES = Rules()
