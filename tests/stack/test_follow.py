"""The tag moves, the scheduler ticks, the page changes by itself."""

import pytest

from local import images
from tests.fixtures.stage import Fresh, Stage, eventually

pytestmark = pytest.mark.stack

SWEEP = "transship-sweep"


def deployed(stage: Stage, web: Fresh) -> str:
    """A public service that follows; its address."""
    outcome = stage.settle(web.message(port=80, allow_unauthenticated=True))
    return str(outcome["url"])


def note(stage: Stage, web: Fresh, key: str) -> str:
    return dict(stage.service(web).annotations).get(f"transship.dev/{key}", "")


def decisions(stage: Stage, web: Fresh) -> list[str]:
    """What sweeps have decided about the service."""
    return [
        decided["reason"]
        for events in list(stage._outcomes.values())
        for event in list(events)
        for decided in event["data"].get("decisions", [])
        if decided["service"] == web.service
    ]


def test_the_page_follows_the_tag(stage: Stage) -> None:
    web = stage.fresh(images.static_site("before"))
    url = deployed(stage, web)
    assert "before" in stage.page(url)[1]

    stage.hub.push(web.repository, "latest", images.static_site("after"))
    stage.stack.scheduler.run(SWEEP)

    eventually(lambda: "after" in stage.page(url)[1], "the new page")
    assert len(stage.revisions(web)) == 2


def test_a_scheduled_tick_is_enough(stage: Stage) -> None:
    web = stage.fresh(images.static_site("before"))
    url = deployed(stage, web)
    stage.hub.push(web.repository, "latest", images.static_site("on time"))

    stage.stack.clock.advance(600)

    eventually(lambda: "on time" in stage.page(url)[1], "the new page")


def test_dropped_annotations_end_following_and_are_said(stage: Stage) -> None:
    web = stage.fresh(images.static_site("kept"))
    url = deployed(stage, web)
    service = stage.service(web)
    service.annotations.clear()
    stage.change(service)
    stage.hub.push(web.repository, "latest", images.static_site("not this"))

    stage.stack.scheduler.run(SWEEP)

    eventually(lambda: "tracking_lost" in decisions(stage, web), "the decision")
    assert len(stage.revisions(web)) == 1
    assert "kept" in stage.page(url)[1]


def test_a_deleted_tag_keeps_serving_and_is_said(stage: Stage) -> None:
    web = stage.fresh(images.static_site("kept"))
    url = deployed(stage, web)
    stage.hub.delete_tag(web.repository, "latest")

    stage.stack.scheduler.run(SWEEP)

    eventually(lambda: note(stage, web, "why") == "tag_deleted", "the reason")
    assert "kept" in stage.page(url)[1]
    assert len(stage.revisions(web)) == 1
