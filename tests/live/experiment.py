"""An experiment: questions, and the steps that answer them; hours may lie between two of them.

A step keeps what the next one needs in the bench's notes, which are JSON: the next one may run in
another process.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from google.api_core import exceptions

from local.layers import random_layer
from local.manifests import AMD64, ARM64, Image, image, index
from tests.live.calls import BODY_KEPT, Calls
from tests.live.world import Cloud, Ground

# The window is an hour by the documentation; what is later than this is after it.
AFTER_THE_WINDOW = timedelta(minutes=70)
# Entries and messages arrive some time after what they tell of.
UNTIL_LOGGED = timedelta(minutes=3)
# https://cloud.google.com/iam/docs/access-change-propagation
UNTIL_GRANTED = timedelta(minutes=7)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a Google client raised, as an answer."""

    text: str


class Cost(Enum):
    """The most that a run should cost, if nothing is forgotten."""

    NOTHING = "nothing"
    CENTS = "cents"
    DOLLARS = "under five dollars"


@dataclass(slots=True, kw_only=True)
class Bench:
    cloud: Cloud
    ground: Ground
    calls: Calls
    notes: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)

    def answer(self, question: str, **said: Any) -> None:
        self.answers.setdefault(question, {}).update(said)

    def moment(self, name: str) -> datetime:
        """The time that was marked as *name*."""
        return datetime.fromisoformat(self.notes[name])

    def mark(self, name: str) -> None:
        self.notes[name] = self.cloud.now().isoformat()

    def said(self, what: str, call: Callable[[], Any]) -> Any:
        """What a Google client returns, or a Failure; either is noted."""
        returned: Any
        try:
            returned = call()
        except (exceptions.GoogleAPICallError, ValueError) as error:
            # A name that breaks the pattern of the REST transport is a ValueError.
            returned = Failure(f"{type(error).__name__}: {error}"[:BODY_KEPT])
        self.calls.add(what, str(returned)[:BODY_KEPT])
        return returned


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """*run* begins *after* the step before; while it returns False it is run again *every* so
    often, at most *times* in all."""

    run: Callable[[Bench], bool | None]
    after: timedelta = timedelta()
    every: timedelta = timedelta()
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """*questions* by id; *consent* says what has to be agreed to by name.

    One that is *alone* would get into the way of others in the same project.
    """

    name: str
    bundle: str
    questions: Mapping[str, str]
    creates: tuple[str, ...]
    cost: Cost
    steps: tuple[Step, ...]
    consent: str = ""
    alone: bool = False


def tiny(seed: int) -> Image:
    """An image of one small layer: the same seed gives the same digests."""
    return image([random_layer(1000, seed)], {"Cmd": ["/x"]}, platform=AMD64)


def tiny_index(seed: int) -> Image:
    """An index of two platforms that share no blob."""
    other = image([random_layer(1000, seed + 1)], {"Cmd": ["/x"]}, platform=ARM64)
    return index(tiny(seed), other)
