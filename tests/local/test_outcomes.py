"""What the stack's own verbs make of an outcome."""

from typing import Any

import pytest

from local.outcomes import ended_well, reason
from transship.cli.ending import Status
from transship.cli.hearing import Heard
from transship.cli.telling import status_of
from transship.model.outcome import WITHDRAWN, Outcome, Refreshed, Swept

LOOKED = {Refreshed.type, Swept.type}


@pytest.mark.parametrize("data", [{}, {"reason": WITHDRAWN}])
@pytest.mark.parametrize("kind", [each.type for each in Outcome.__subclasses__()])
def test_an_outcome_ends_well_where_transship_says_so(kind: str, data: dict[str, Any]) -> None:
    event = {"type": kind, "data": data}
    told = status_of(Heard(type=kind, data=data, event=event))
    assert ended_well(event) is (told is Status.DONE or kind in LOOKED)


def test_what_cloud_run_says_of_a_failure_is_the_reason() -> None:
    data = {"reason": "tag_moved", "message": "The container exited with 3."}
    failed = {"type": "dev.transship.failed.v1", "data": data}
    assert reason(failed) == "failed: The container exited with 3."
