"""Many messages for one service, in any order and any number: one right state in the end."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from local import images
from local.pubsub.emulator import Emulator
from tests.fixtures.stage import Stage

pytestmark = pytest.mark.stack


def test_ten_deliveries_at_once_make_one_revision(stage: Stage) -> None:
    web = stage.fresh()

    event_id = stage.push_at_once(web.message(), times=10)

    told = stage.outcome(event_id)
    assert told["type"] == "deployed"
    assert stage.revisions(web) == [told["revision"]]
    assert {event["id"] for event in stage.outcomes(event_id)} == {f"{event_id}.outcome"}


def test_pub_sub_may_deliver_what_was_acknowledged(stage: Stage) -> None:
    web = stage.fresh()
    emulator = stage.stack.pubsub
    assert isinstance(emulator, Emulator)
    emulator.disturb(duplicate_deliveries=3)
    try:
        event_id = stage.publish(web.message())
        stage.outcomes(event_id, at_least=4)
    finally:
        emulator.disturb()

    assert stage.revisions(web) == [stage.outcome(event_id)["revision"]]


def test_two_images_that_race_end_in_the_newer_request(stage: Stage) -> None:
    web = stage.fresh()
    stage.hub.push(web.repository, "newer", images.static_site("the newer one"))
    older = web.message(requested_at="2026-01-01T00:00:00Z", allow_unauthenticated=True)
    newer = {
        **older,
        "image": f"{web.repository}:newer",
        "requested_at": "2026-01-01T00:00:01Z",
    }
    with ThreadPoolExecutor(2) as pool:
        ids = list(pool.map(stage.publish, (newer, older)))

    ends = [stage.outcome(event_id) for event_id in ids]

    service = stage.service(web)
    assert ends[0]["type"] == "deployed"
    assert "the newer one" in stage.page(service.uri)[1]
    assert service.annotations["transship.dev/tracks"] == f"docker.io/{web.repository}:newer"
    # The older one was deployed before, or never: it says which.
    assert (ends[1]["type"], ends[1]["reason"]) in {
        ("deployed", "new_service"),
        ("unchanged", "superseded"),
    }


def test_an_old_message_that_comes_after_a_newer_one_changes_nothing(stage: Stage) -> None:
    web = stage.fresh()
    stage.settle(web.message())
    stage.hub.push(web.repository, "old", images.static_site("old"))
    old = web.message(image=f"{web.repository}:old", requested_at="2026-01-01T00:00:00Z")

    told = stage.settle(old)

    assert (told["type"], told["reason"]) == ("unchanged", "superseded")
    assert stage.writes(web) == ["CreateService"]
