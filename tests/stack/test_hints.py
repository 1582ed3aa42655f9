"""A tag moves, somebody pulls it, and the page changes by itself."""

import json
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from local import images, world
from local.registry.audit import Logged
from tests.fixtures.events import event
from tests.fixtures.stage import PATIENCE, Fresh, Stage, eventually
from tests.fixtures.wire import Wire

pytestmark = pytest.mark.stack

SOMEBODY = "developer@example.com"
TELLS = [Logged.WITH_DIGEST, Logged.WITHOUT_DIGEST, Logged.HEAD_ONLY]


@pytest.fixture(autouse=True)
def mirror(stage: Stage) -> Iterator[None]:
    """Somebody may pull; how pulls are told is a test's to change."""
    stage.mirror.readers.add(SOMEBODY)
    before = stage.mirror.logged
    yield
    stage.mirror.logged = before
    stage.mirror.publishes_to_gcr = False
    stage.stack.notices.filtered = True


def pull(stage: Stage, web: Fresh, *, account: str = SOMEBODY) -> None:
    """As clients do: ask whether it is there, and fetch it."""
    wire = Wire(
        address=f"https://{world.MIRROR_HOST}",
        prefix=f"{world.PROJECT}/{world.REMOTE}/",
        hosts=stage.mirror.hosts,
        bearer=f"ya29.local.{account}",
    )
    for method in ("HEAD", "GET"):
        assert wire.manifest(web.repository, "latest", method=method).status == 200


def shows(stage: Stage, url: str, text: str) -> Callable[[], bool]:
    return lambda: text in stage.page(url)[1]


def origins(stage: Stage, web: Fresh) -> set[str]:
    """Who has had the tag looked at."""
    return {
        told["data"]["origin"]
        for outcomes in list(stage._outcomes.values())
        for told in outcomes
        if told["type"] == "dev.transship.refreshed.v1" and told["data"]["image"] == tag(web)
    }


def tag(web: Fresh) -> str:
    return f"docker.io/{web.repository}:latest"


def hint(web: Fresh) -> dict[str, str]:
    return {"kind": "hint", "image": tag(web), "origin": "webhook"}


def serving(stage: Stage) -> tuple[Fresh, str]:
    """A service that follows a tag, and its address."""
    web = stage.fresh()
    told = stage.settle(web.message(allow_unauthenticated=True))
    return web, told["url"]


@pytest.mark.parametrize("logged", TELLS)
def test_somebodys_pull_changes_the_page(stage: Stage, logged: Logged) -> None:
    stage.mirror.logged = logged
    web, url = serving(stage)
    stage.hub.push(web.repository, "latest", images.static_site("moved"))

    pull(stage, web)

    eventually(shows(stage, url, "moved"), "the page shows what the tag means now")
    assert origins(stage, web) == {"audit"}
    assert len(stage.revisions(web)) == 2


def test_a_gcr_message_changes_the_page(stage: Stage) -> None:
    stage.mirror.logged = Logged.NOTHING
    web, url = serving(stage)
    # Not before: the deploy's own pull would be a hint, and the next look has to wait a minute.
    stage.mirror.publishes_to_gcr = True
    stage.hub.push(web.repository, "latest", images.static_site("moved"))
    # The mirror looks again before the hour is over.
    stage.mirror.remote(world.REMOTE).delete_tag(web.repository, "latest")

    pull(stage, web)

    eventually(shows(stage, url, "moved"), "the page shows what the tag means now")
    assert origins(stage, web) == {"gcr"}
    assert len(stage.revisions(web)) == 2


def test_a_webhook_changes_the_page(stage: Stage) -> None:
    web, url = serving(stage)
    stage.hub.push(web.repository, "latest", images.static_site("moved"))
    pushed = event("docker_hub_webhook")
    pushed["repository"]["repo_name"] = web.repository
    request = urllib.request.Request(
        f"{stage.stack.functions['docker_hub_webhook'].url}/{world.WEBHOOK_SECRET}",
        data=json.dumps(pushed).encode(),
    )

    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        assert answer.status == 204

    eventually(shows(stage, url, "moved"), "the page shows what the tag means now")


def test_an_event_of_eventarcs_changes_the_page(stage: Stage) -> None:
    web, url = serving(stage)
    stage.hub.push(web.repository, "latest", images.static_site("moved"))
    document = event("synthetic_cloudevent_get_manifest")
    document["data"]["protoPayload"]["request"]["requestUrl"] = (
        f"/v2/{world.PROJECT}/{world.REMOTE}/{web.repository}/manifests/latest"
    )
    request = urllib.request.Request(
        stage.stack.functions["forward_hints"].url,
        data=json.dumps(document).encode(),
        headers={"Content-Type": "application/cloudevents+json; charset=utf-8"},
    )

    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        assert answer.status == 200

    eventually(shows(stage, url, "moved"), "the page shows what the tag means now")


def test_hints_published_again_and_out_of_order_make_one_revision(stage: Stage) -> None:
    web, url = serving(stage)
    other, _ = serving(stage)
    stage.hub.push(web.repository, "latest", images.static_site("moved"))
    named = event("synthetic_audit_get_manifest_by_tag")
    named["protoPayload"]["request"]["requestUrl"] = (
        f"/v2/{world.PROJECT}/{world.REMOTE}/{web.repository}/manifests/latest"
    )
    # Half of them from long ago, as when a subscription is rewound.
    hints = [named | {"insertId": str(number)} for number in range(10)]

    ids = [stage.publish(entry, topic=world.HINTS) for entry in (*hints, *reversed(hints))]

    assert {stage.outcome(each)["type"] for each in ids} == {"refreshed"}
    eventually(shows(stage, url, "moved"), "the page shows what the tag means now")
    # The redeploys of all of them are behind this one's.
    settled = stage.settle(other.message())
    assert settled["type"] == "deployed"
    assert len(stage.revisions(web)) == 2


def test_a_warm_pull_of_what_runs_already_changes_nothing(stage: Stage) -> None:
    web, _ = serving(stage)
    before = stage.writes(web)
    stage.stack.notices.filtered = False
    asked = stage.publish(hint(web), topic=world.HINTS)

    pull(stage, web, account=world.WARMER)
    pull(stage, web, account=world.RUN_AGENT)
    pull(stage, web, account=world.DEPLOYER)

    (decided,) = stage.outcome(asked)["decisions"]
    assert (decided["reason"], decided["deploy"]) == ("up_to_date", False)
    assert stage.writes(web) == before


def test_where_no_pull_leaves_a_trace_nothing_happens_by_hints(stage: Stage) -> None:
    stage.mirror.logged = Logged.NOTHING
    web, _ = serving(stage)
    stage.hub.push(web.repository, "latest", images.static_site("moved"))

    pull(stage, web)

    # That there is none is known once the topic has delivered what was published after it.
    witness, _ = serving(stage)
    assert stage.outcome(stage.publish(hint(witness), topic=world.HINTS))["decisions"]
    assert origins(stage, web) == set()
