"""Parts of the cloud go down and come back: every message is deployed once."""

import pytest

from local.registry.faults import pull_limit
from tests.fixtures.stage import Fresh, Stage, eventually

pytestmark = pytest.mark.stack


def deferred(stage: Stage, event_id: str) -> None:
    """The function has answered the event with 503 once at least."""
    eventually(
        lambda: f'"event_id": "{event_id}"' in stage.function.log.read_text(),
        "the event is deferred",
    )


def deployed_once(stage: Stage, web: Fresh, event_id: str) -> None:
    assert stage.outcome(event_id)["type"] == "deployed"
    assert stage.writes(web) == ["CreateService"]
    assert len(stage.revisions(web)) == 1


def test_the_upstream_is_down_and_comes_back(stage: Stage) -> None:
    web = stage.fresh()
    stage.hub.refuse_connections()
    try:
        event_id = stage.publish(web.message())
        deferred(stage, event_id)
    finally:
        stage.hub.accept_connections()

    deployed_once(stage, web, event_id)


def test_the_mirror_is_down_and_comes_back(stage: Stage) -> None:
    web = stage.fresh()
    stage.mirror.refuse_connections()
    try:
        event_id = stage.publish(web.message())
        deferred(stage, event_id)
    finally:
        stage.mirror.accept_connections()

    deployed_once(stage, web, event_id)


def test_the_pull_limit_is_reached_and_ends(stage: Stage) -> None:
    web = stage.fresh()
    stage.hub.faults.add(pull_limit())
    event_id = stage.publish(web.message())
    deferred(stage, event_id)

    stage.hub.faults.clear()

    deployed_once(stage, web, event_id)
