"""What holds for the automatic deploys of all services: known at the start, so it imports none."""

from msgspec import Struct


class Rules(Struct, frozen=True, kw_only=True):
    """*pace* is how many automatic deploys an hour one service may have."""

    paused: bool = False
    pace: int = 6


DEFAULT_RULES = Rules()
