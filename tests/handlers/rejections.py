"""What was told of an event that can never succeed, and the policies that refuse."""

import json
from typing import Any

from tests.fixtures.functions import Cloud


def rejection(cloud: Cloud, event_id: str = "") -> dict[str, Any]:
    """The one outcome there is, or there is of an event, after nothing was written."""
    (event,) = (e for e in cloud.outcomes() if event_id in ("", e["data"]["event_id"]))
    assert event["type"] == "dev.transship.rejected.v1"
    assert cloud.writes() == []
    data: dict[str, Any] = event["data"]
    return data


def policy(**rules: Any) -> dict[str, str]:
    return {"TRANSSHIP_POLICY": json.dumps(rules)}
