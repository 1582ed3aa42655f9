"""Messages that say how a service follows, through the function that deploys."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud import run_v2

from local import world
from tests.fixtures.functions import SITE, Cloud, Function

TAG = f"docker.io/{SITE}:latest"


@pytest.fixture
def service(cloud: Cloud, deployer: Function) -> str:
    deployer.push({"image": SITE, "service": "web"})
    return "web"


def said(cloud: Cloud) -> dict[str, Any]:
    event = cloud.outcomes()[-1]
    return {"type": event["type"].split(".")[2], **event["data"]}


def note(cloud: Cloud, key: str) -> str:
    return dict(cloud.service("web").annotations).get(f"transship.dev/{key}", "")


def by_others(image: str) -> run_v2.Service:
    container = run_v2.Container(image=image)
    return run_v2.Service(template=run_v2.RevisionTemplate(containers=[container]))


def test_a_hold_is_written_with_who_and_when_and_makes_no_revision(
    cloud: Cloud, deployer: Function, service: str
) -> None:
    message = {"kind": "hold", "service": service, "by": "ann", "why": "a demo"}
    assert deployer.push(message, message_id="7") == 200

    outcome = said(cloud)
    assert (outcome["type"], outcome["reason"], outcome["by"]) == ("steered", "steered", "ann")
    assert outcome["changed"] is True
    assert {**json.loads(note(cloud, "hold")), "at": ""} == {"at": "", "by": "ann", "why": "a demo"}
    assert len(cloud.revision_names(service)) == 1

    assert deployer.push({**message, "by": "bob"}) == 200
    assert (said(cloud)["changed"], said(cloud)["reason"]) == (False, "up_to_date")
    assert json.loads(note(cloud, "hold"))["by"] == "ann"


def test_a_hold_that_a_release_has_overtaken_says_so(
    cloud: Cloud, deployer: Function, service: str
) -> None:
    now = datetime.now(UTC)
    deployer.push({"kind": "release", "service": service}, published=now)
    deployer.push({"kind": "hold", "service": service}, published=now - timedelta(seconds=1))

    assert (said(cloud)["reason"], said(cloud)["changed"]) == ("superseded", False)
    assert note(cloud, "hold") == ""


def test_a_service_of_others_is_tracked_without_a_new_revision(
    cloud: Cloud, deployer: Function
) -> None:
    cloud.make_service("web", by_others(f"{world.MIRROR}/{SITE}:latest"))

    assert deployer.push({"kind": "track", "service": "web", "image": SITE, "by": "ann"}) == 200

    assert (said(cloud)["reason"], said(cloud)["image"]) == ("new_tracking", TAG)
    assert note(cloud, "tracks") == TAG
    assert json.loads(note(cloud, "tracked"))["by"] == "ann"
    assert len(cloud.revision_names("web")) == 1


@pytest.mark.parametrize("kind", ["hold", "pin", "release", "untrack"])
def test_a_service_of_others_is_not_steered(cloud: Cloud, deployer: Function, kind: str) -> None:
    cloud.make_service("web", by_others(f"{world.MIRROR}/{SITE}:latest"))

    assert deployer.push({"kind": kind, "service": "web"}) == 200

    assert (said(cloud)["type"], said(cloud)["rule"]) == ("rejected", "service")


@pytest.mark.parametrize(
    ("message", "where"),
    [
        ({"kind": "hold", "service": "none"}, "does not exist"),
        ({"kind": "track", "service": "web", "image": f"{SITE}@sha256:{'a' * 64}"}, "$.image"),
        ({"kind": "track", "service": "web", "image": ":"}, "$.image"),
        ({"kind": "track", "service": "web", "image": "ghcr.io/team/app"}, "not an allowed image"),
        ({"kind": "skip", "service": "web", "digest": "latest"}, "$.digest"),
        ({"kind": "hold", "service": "web", "until": "noon"}, "until"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(
    cloud: Cloud, deployer: Function, service: str, message: dict[str, str], where: str
) -> None:
    written = cloud.writes()

    assert deployer.push(message) == 200

    assert said(cloud)["type"] == "rejected"
    assert where in said(cloud)["reason"]
    assert cloud.writes() == written
