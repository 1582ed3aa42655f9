"""Bad images, with real containers, and a visitor who never stops asking."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from google.cloud import run_v2

from local import images, world
from local.manifests import Image
from local.run.behaviour import Fault
from tests.fixtures import misbehaving
from tests.fixtures.misbehaving import HEALTH, MARK, POISON
from tests.fixtures.stage import Fresh, Stage, eventually

pytestmark = pytest.mark.stack

PROBE = {"path": HEALTH, "timeout": 2, "successes": 2, "patience": 1, "watch": 0}
_PAUSE = 0.02


class Visitor:
    """Asks for the page again and again, and keeps who answered."""

    def __init__(self, stage: Stage, url: str) -> None:
        self.answers: Counter[str] = Counter()
        self._stage, self._url = stage, url
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="visitor")

    @contextmanager
    def asking(self) -> Iterator["Visitor"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._gone.set()
            self._thread.join()

    def _ask(self) -> None:
        while not self._gone.wait(_PAUSE):
            status, page = self._stage.page(self._url)
            who = "the bad one" if MARK in page else "the good one"
            self.answers[who if status == 200 else f"{who}: {status}"] += 1


@pytest.fixture(autouse=True)
def hurried(stage: Stage) -> Iterator[None]:
    """Nobody waits minutes here for what does not come up."""
    behaviour = stage.run.behaviour
    before = behaviour.startup_limit, behaviour.stop_grace
    behaviour.startup_limit, behaviour.stop_grace = 1.5, 0.5
    yield
    behaviour.startup_limit, behaviour.stop_grace = before


def good(text: str) -> Image:
    return images.static_site(text)


def followed(stage: Stage, **message: Any) -> tuple[Fresh, str]:
    """A service that follows its tag, and its URL."""
    web = stage.fresh()
    probe = {**PROBE, "path": "/"}
    told = stage.settle(web.message(allow_unauthenticated=True, probe=probe, **message))
    assert told["type"] == "deployed"
    return web, told["url"]


def move(stage: Stage, web: Fresh, image: Image, **message: Any) -> str:
    """The tag moves on, and somebody says how to look at it."""
    stage.hub.push(web.repository, "latest", image)
    return stage.publish(web.message(strategy="candidate", probe={**PROBE, **message}))


def sweep(stage: Stage, web: Fresh) -> None:
    """As the tick does, of this tag alone."""
    tag = f"docker.io/{web.repository}:latest"
    stage.publish({"kind": "sweep", "tags": [tag]}, topic=world.WARM)


def tick(stage: Stage) -> None:
    stage.stack.scheduler.run("transship-rollouts")


def test_a_bad_image_never_has_a_visitor_and_the_next_one_heals_it(stage: Stage) -> None:
    """Without a hand: the tag moves, a tick looks."""
    web, url = followed(stage)
    stage.settle(web.message(probe=PROBE))
    with Visitor(stage, url).asking() as visitor:
        stage.hub.push(web.repository, "latest", misbehaving.fails_its_probe())
        sweep(stage, web)
        told = stage.told_of(web, "failed")
        assert (told["reason"], told["message"]) == ("rejected", f"GET {HEALTH} answers 500")

        sweep(stage, web)
        eventually(
            lambda: stage.service(web).annotations.get("transship.dev/why") == "quarantined", "why"
        )
        assert len(stage.revisions(web)) == 2, "not tried again"

        stage.hub.push(web.repository, "latest", good("healed"))
        sweep(stage, web)
        told = stage.told_of(web, "deployed", number=3)
        assert (told["reason"], told["changed"]) == ("new_image", True)

    assert set(visitor.answers) == {"the good one"}
    assert "healed" in stage.page(url)[1]
    service = stage.service(web)
    assert [target.percent for target in service.traffic] == [100]
    assert not service.traffic[0].revision, "LATEST again"
    assert "transship.dev/quarantine" in service.annotations, "of the digest that is still bad"


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (misbehaving.exits_at_start(), "never_ready"),
        (misbehaving.never_listens(), "never_ready"),
        (misbehaving.fails_its_probe(), "rejected"),
        (misbehaving.dies_of_a_request(), "rejected"),
    ],
    ids=["exits", "never listens", "fails its probe", "dies of a request"],
)
def test_no_visitor_sees_what_the_gate_can_see(stage: Stage, image: Image, reason: str) -> None:
    web, url = followed(stage)
    before = stage.revisions(web)
    with Visitor(stage, url).asking() as visitor:
        told = stage.outcome(move(stage, web, image))

    assert (told["type"], told["reason"]) == ("failed", reason)
    assert told["serving"] == before[0]
    assert told["message"]
    assert set(visitor.answers) == {"the good one"}
    assert visitor.answers["the good one"] > 3
    tags = {status.tag for status in stage.service(web).traffic_statuses}
    assert tags == {""}


def test_one_that_listens_late_is_waited_for(stage: Stage) -> None:
    web, url = followed(stage)
    with Visitor(stage, url).asking() as visitor:
        told = stage.outcome(move(stage, web, misbehaving.listens_late(0.5)))
        eventually(lambda: stage.page(url)[1] == "at last", "the new one serves")

    assert told["type"] == "deployed"
    assert set(visitor.answers) == {"the good one"}


def test_what_falls_ill_with_visitors_is_taken_back(stage: Stage) -> None:
    web, url = followed(stage)
    event_id = move(stage, web, misbehaving.falls_ill(), watch=600)
    assert stage.outcome(event_id)["type"] == "deployed"
    assert stage.page(url) == (200, MARK)
    tick(stage)
    assert stage.page(url, POISON)[0] == 500

    tick(stage)
    told = stage.told_of(web, "rolled_back")

    assert told["event_id"] == event_id
    assert told["detail"] == f"GET {HEALTH} answers 500"
    eventually(lambda: web.service in stage.page(url)[1], "the one before serves again")
    assert told["serving"] == stage.revisions(web)[-1]


def test_one_that_ignores_sigterm_is_replaced_all_the_same(stage: Stage) -> None:
    web, url = followed(stage)
    stage.outcome(move(stage, web, misbehaving.ignores_sigterm("stubborn")))
    assert stage.page(url) == (200, "stubborn")

    with Visitor(stage, url).asking() as visitor:
        told = stage.outcome(move(stage, web, good("replaced"), path="/"))

    assert told["type"] == "deployed"
    assert "replaced" in stage.page(url)[1]
    assert set(visitor.answers) == {"the good one"}


def test_a_private_service_is_looked_at_by_the_deployer(stage: Stage) -> None:
    web = stage.fresh()
    stage.settle(web.message())

    told = stage.outcome(move(stage, web, misbehaving.fails_its_probe()))

    assert (told["type"], told["message"]) == ("failed", f"GET {HEALTH} answers 500")


def test_where_nobody_may_look_readiness_decides_and_the_outcome_says_so(stage: Stage) -> None:
    web = stage.fresh()
    stage.settle(web.message())
    stage.run.invokers.remove(world.DEPLOYER)

    try:
        told = stage.outcome(move(stage, web, misbehaving.fails_its_probe()))
    finally:
        stage.run.invokers.add(world.DEPLOYER)

    assert told["type"] == "deployed"
    assert told["detail"].startswith("decided by readiness alone: GET /health answers 403")

    inside = stage.fresh()
    stage.settle(inside.message(ingress="internal", allow_unauthenticated=True))
    told = stage.outcome(move(stage, inside, misbehaving.fails_its_probe()))
    assert told["detail"] == "decided by readiness alone: ingress internal keeps the probe out"


def test_visitors_of_a_service_with_sidecars_are_safe_too(stage: Stage) -> None:
    web, url = followed(stage)
    service = stage.service(web)
    service.template.revision = ""
    helper = f"{world.MIRROR}/{web.repository}:latest"
    service.template.containers.append(
        run_v2.Container(name="helper", image=helper, command=["/bin/sleep", "86400"])
    )
    stage.change(service)

    told = stage.outcome(move(stage, web, misbehaving.fails_its_probe()))

    assert told["type"] == "failed"
    named = {each.name: each for each in stage.service(web).template.containers}
    assert named["helper"].image == helper
    assert web.service in stage.page(url)[1]


def test_each_container_follows_its_own_tag(stage: Stage) -> None:
    web, url = followed(stage)
    helper = stage.fresh(misbehaving.never_listens())
    service = stage.service(web)
    service.template.revision = ""
    stage.mirror.remote(world.REMOTE).manifest(helper.repository, "latest", head=False)
    image = f"{world.MIRROR}/{helper.repository}:latest"
    service.template.containers.append(run_v2.Container(name="helper", image=image))
    stage.change(service)
    message = {"image": helper.repository, "service": web.service, "container": "helper"}
    told = stage.settle({**message, "probe": PROBE})
    assert (told["type"], told["image"]) == ("deployed", f"docker.io/{helper.repository}:latest")
    before = images_of(stage, web)

    moved = misbehaving.listens_late(3600)
    stage.hub.push(helper.repository, "latest", moved)
    sweep(stage, helper)
    told = stage.told_of(web, "deployed", number=3)

    assert told["child_digest"] == moved.digest
    after = images_of(stage, web)
    assert after["helper"].endswith(moved.digest)
    assert {**after, "helper": ""} == {**before, "helper": ""}

    stage.hub.push(web.repository, "latest", good("moved as well"))
    sweep(stage, web)
    stage.told_of(web, "deployed", number=4)
    assert "moved as well" in stage.page(url)[1]
    assert images_of(stage, web)["helper"] == after["helper"]


def images_of(stage: Stage, web: Fresh) -> dict[str, str]:
    return {each.name: each.image for each in stage.service(web).template.containers}


def test_killed_while_a_candidate_is_on_trial(stage: Stage) -> None:
    web, url = followed(stage)
    dead = threading.Event()

    def kill() -> None:
        stage.function.kill()
        dead.set()

    stage.run.inject(
        Fault(method="UpdateService", when="after", resource=web.full_name, action=kill)
    )
    with Visitor(stage, url).asking() as visitor:
        event_id = move(stage, web, misbehaving.fails_its_probe())
        assert dead.wait(30)
        stage.restart()
        tick(stage)
        told = stage.outcome(event_id)

    assert (told["type"], told["reason"]) == ("failed", "rejected")
    assert set(visitor.answers) == {"the good one"}
    assert len(stage.revisions(web)) == 2


def test_a_rollback_and_what_clears_it(stage: Stage) -> None:
    web, url = followed(stage)
    stage.outcome(move(stage, web, good("second"), path="/"))
    assert "second" in stage.page(url)[1]

    told = stage.settle({"kind": "rollback", "service": web.service, "by": "ann"})
    assert told["type"] == "rolled_back"
    assert web.service in stage.page(url)[1]
    sweep(stage, web)
    eventually(
        lambda: stage.service(web).annotations.get("transship.dev/why") == "quarantined", "why"
    )

    told = stage.settle({"kind": "clear", "service": web.service})
    assert (told["type"], told["changed"]) == ("steered", True)
    tick(stage)
    eventually(lambda: "second" in stage.page(url)[1], "it passes its gate")
