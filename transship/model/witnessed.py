"""The revisions that are good to go back to: those that passed their trial, and those that had the
visitors until another took them over.

"Witnessed good beats newest" is cloud-run-airbag's rule
(https://github.com/JasonYeYuhe/cloud-run-airbag). The service keeps the list, newest first.
"""

import re
from collections.abc import Mapping

from transship.model.marks import Marks
from transship.model.record import PREFIX

WITNESSED_KEY = f"{PREFIX}witnessed"
# What the newest one passed, in words: ``REVISION: evidence``.
PASSED_KEY = f"{PREFIX}passed"

_KEPT = 5
_ON_TRIAL = re.compile(r".+-t[0-9a-f]{8}")


def witnessed(annotations: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(annotations.get(WITNESSED_KEY, "").split())


def witness_marks(annotations: Mapping[str, str], *revisions: str, bad: str = "") -> Marks:
    """*revisions* are good, newest first, and *bad* no longer is."""
    known = dict.fromkeys((*revisions, *witnessed(annotations)))
    known.pop(bad, None)
    return Marks(annotations={WITNESSED_KEY: " ".join([*known][:_KEPT]) or None})


def passed_marks(revision: str, evidence: str) -> Marks:
    return Marks(annotations={PASSED_KEY: f"{revision}: {evidence}"})


def passed(annotations: Mapping[str, str], revision: str) -> str:
    """What *revision* passed; empty where nobody knows."""
    of, _, evidence = annotations.get(PASSED_KEY, "").partition(": ")
    return evidence if of == revision else ""


def began_on_trial(revision: str) -> bool:
    """By its name, which cannot be changed; Cloud Run's own names look otherwise."""
    return _ON_TRIAL.fullmatch(revision) is not None
