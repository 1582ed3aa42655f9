"""kill -9 at the worst moments: the end state is right, and so is what was told."""

import threading
from collections.abc import Callable

import pytest

from local.registry.faults import Fault as RegistryFault
from local.run.behaviour import Fault as RunFault
from tests.fixtures.stage import PATIENCE, Fresh, Stage, eventually

pytestmark = pytest.mark.stack


def killing(
    stage: Stage, *, once: Callable[[], bool] = lambda: True
) -> tuple[Callable[[], None], threading.Event]:
    """An action of a stand-in that kills the function when *once* first holds; and that it has."""
    dead, lock = threading.Event(), threading.Lock()

    def kill() -> None:
        with lock:
            if not dead.is_set() and once():
                stage.function.kill()
                dead.set()

    return kill, dead


def deployed_once(stage: Stage, web: Fresh, event_id: str) -> None:
    told = stage.outcome(event_id)
    assert (told["type"], told["changed"], told["reason"]) == ("deployed", True, "new_service")
    assert stage.revisions(web) == [told["revision"]]
    assert stage.service(web).latest_ready_revision.endswith(told["revision"])


def test_killed_in_the_middle_of_a_pull(stage: Stage) -> None:
    web = stage.fresh()
    blobs = f"{web.repository}/blobs/"
    stage.mirror.faults.add(RegistryFault(path=blobs, bytes_per_second=1000))
    event_id = stage.publish(web.message())
    eventually(
        lambda: any(blobs in seen.path for seen in list(stage.mirror.requests)), "bytes flow"
    )
    stage.function.kill()
    assert stage.writes(web) == []

    stage.mirror.faults.clear()
    stage.restart()

    deployed_once(stage, web, event_id)
    assert stage.writes(web) == ["CreateService"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_in_the_middle_of_a_deploy(stage: Stage, when: str) -> None:
    """Before and after Cloud Run has accepted it; the function hears of neither."""
    web = stage.fresh()
    kill, dead = killing(stage)
    stage.run.inject(
        RunFault(
            method="CreateService",
            when="after" if when == "after" else "before",
            resource=web.full_name,
            action=kill,
        )
    )
    event_id = stage.publish(web.message())
    assert dead.wait(PATIENCE)

    stage.restart()

    deployed_once(stage, web, event_id)


def test_killed_between_deploy_and_publish(stage: Stage) -> None:
    web = stage.fresh()

    def is_ready() -> bool:
        message = stage.run.record(web.full_name).message
        return bool(message.traffic_statuses) and not message.reconciling

    kill, dead = killing(stage, once=is_ready)
    # The first read is of a service that is not there, and does not come this far.
    stage.run.inject(
        RunFault(method="GetService", when="after", resource=web.full_name, action=kill, times=1000)
    )
    event_id = stage.publish(web.message())
    assert dead.wait(PATIENCE)
    assert stage.writes(web) == ["CreateService"]

    stage.restart()

    deployed_once(stage, web, event_id)
    assert stage.writes(web) == ["CreateService"], "told again, not done again"


def test_killed_before_anybody_may_invoke_it(stage: Stage) -> None:
    web = stage.fresh()
    kill, dead = killing(stage)
    stage.run.inject(RunFault(method="SetIamPolicy", resource=web.full_name, action=kill))
    event_id = stage.publish(web.message(allow_unauthenticated=True))
    assert dead.wait(PATIENCE)

    stage.restart()

    deployed_once(stage, web, event_id)
    told = stage.outcome(event_id)
    assert told["public"]
    assert stage.page(told["url"])[0] == 200
