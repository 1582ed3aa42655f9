"""What the page shows, and what that costs."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.cloud import run_v2

from local import images, world
from local.cloud_logging import CloudLogging
from tests.fixtures.functions import SITE, Cloud
from tests.handlers.console_page import SERVICE, Page, annotate, track
from transship.console import overview

_HOSTILE = '"><script>alert(1)</script>'


def test_what_goes_wrong_is_a_page_too(
    cloud: Cloud, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"a bug with {_HOSTILE}")

    token, headers = page.token(), page._door.headers(world.OPERATOR)
    long = {"token": token, "why": "x" * 70_000}
    answers = {
        400: [page.get(f"/deploy?image={_HOSTILE}"), page.post("/deploy", {"token": token})],
        401: [page._client.get("/")],
        403: [page.post("/deploy", {"token": _HOSTILE, "image": SITE})],
        404: [page.get(f"/{_HOSTILE}"), page.get(f"{SERVICE}-none")],
        405: [page._client.put("/deploy", headers=headers)],
        413: [page.post("/deploy", long)],
    }
    page.email = "eve@example.org"
    answers[403].append(page.get())
    page.email = world.OPERATOR
    monkeypatch.setattr(overview, "overview", fail)
    answers[500] = [page.get()]

    for status, found in answers.items():
        for answer in found:
            assert answer.status_code == status
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Cache-Control"] == "no-store"
            assert 'rel="stylesheet" href="/assets/' in answer.text
            assert "<h1>" in answer.text
            assert "<script>alert" not in answer.text
    assert "a bug" not in answers[500][0].text


def test_why_a_service_does_not_follow_is_said_with_what_to_do(cloud: Cloud, page: Page) -> None:
    note = json.dumps({"at": "2026-01-01T00:00:00+00:00", "by": "ada", "why": "an audit"})
    track(cloud)
    annotate(cloud, hold=note)
    cloud.hub.push(SITE, "latest", images.static_site("two"))

    fleet, service = page.text(), page.text(SERVICE)

    assert re.search(r'class="sign held".*held', fleet)
    assert "<code>release</code> message ends the hold" in fleet
    assert "by ada: an audit" in fleet
    assert "an audit" in service
    assert "by ada" in service


def test_the_lineage_has_what_each_revision_came_from(cloud: Cloud, page: Page) -> None:
    site = images.static_site("two")
    cloud.hub.push(SITE, "latest", site)
    track(cloud)
    (outcome,) = cloud.outcomes()

    text = page.text(SERVICE)

    assert f'title="{site.digest}"' in text
    assert f'title="{site.child(images.AMD64).digest}"' in text
    assert f'href="/events/{outcome["data"]["event_id"]}"' in text
    assert "100 %" in text
    assert re.search(r'class="sign good".*serves', text)
    assert "new service" in text


def test_a_rollout_that_moves_is_seen_to(cloud: Cloud, page: Page) -> None:
    track(cloud)
    revision = cloud.service("web").latest_ready_revision.rpartition("/")[2]
    trial = {
        "revision": revision,
        "previous": revision,
        "event_id": "42",
        "phase": "watch",
        "since": "2026-01-01T00:00:00+00:00",
    }
    annotate(cloud, rollout=json.dumps(trial))

    assert re.search(r'class="sign moving".*watched', page.text())
    assert "with visitors, watched" in page.text(SERVICE)


def test_ten_who_watch_cost_what_one_costs(cloud: Cloud, logging: CloudLogging, page: Page) -> None:
    track(cloud)
    before, listed = len(cloud.hub.requests), len(cloud.run.calls("v1.ListServices"))
    read = logging.reads

    def visit(_: int) -> int:
        client = page._client.application.test_client()
        return client.get("/", headers=page._door.headers(world.VIEWER)).status_code

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(visit, range(10))) == {200}

    asked = [seen for seen in [*cloud.hub.requests][before:] if "/manifests/" in seen.path]
    # The first meets the challenge, and brings no token yet.
    assert [seen.method for seen in asked if seen.status != 401] == ["HEAD"]
    assert len(cloud.run.calls("v1.ListServices")) == listed + 1
    # What happened lately, and what was given up.
    assert logging.reads == read + 2


def test_an_image_is_shown_before_it_is_deployed(cloud: Cloud, page: Page) -> None:
    text = page.text("/deploy?image=" + SITE)

    assert "linux/amd64" in text
    assert 'name="port" value="80"' in text
    assert "gcloud pubsub topics publish transship-deploy" in text
    # Of the upstream only what is free; the rest is the mirror's.
    asked = {seen.method for seen in cloud.hub.requests if "/manifests/latest" in seen.path}
    assert asked == {"HEAD"}


def test_a_viewer_who_looks_at_an_image_spends_no_pull(cloud: Cloud, page: Page) -> None:
    page.email = world.VIEWER

    text = page.text("/deploy?image=" + SITE)

    assert "shown to operators" in text
    assert {seen.method for seen in cloud.hub.requests if "/manifests/" in seen.path} == {"HEAD"}
    assert cloud.asked_of_mirror("GET") == []


def test_an_image_that_is_not_there_says_so(page: Page) -> None:
    for image, says in (
        ("dockersamples/nothing", "does not exist"),
        ("quay.io/some/thing", "images"),
        ("nginx:", "nginx:"),
    ):
        answer = page.get(f"/deploy?image={image}")
        assert says in answer.text
        assert '<form class="settings"' not in answer.text


def test_what_cannot_be_asked_is_said_and_the_rest_is_shown(
    cloud: Cloud, logging: CloudLogging, page: Page
) -> None:
    track(cloud)
    logging.denied.add(world.CONSOLE)

    text = page.text()

    assert "up to date" in text
    assert "roles/logging.viewer" in text


def test_what_the_mirror_holds_is_shown_with_how_it_lags(cloud: Cloud, page: Page) -> None:
    track(cloud)
    cloud.hub.push(SITE, "latest", images.static_site("two"))

    text = page.text("/mirror")

    assert SITE in text
    assert re.search(r'class="sign moving".*behind', text)
    assert page.text("/mirror?page=7")
    assert page.text("/mirror?page=x")


def test_half_a_name_offers_no_tags_and_is_no_error(page: Page) -> None:
    for typed in ("", ":", "d", "dockersamples/", "no such/thing:1"):
        answer = page.get(f"/tags?image={typed}")
        assert (answer.status_code, json.loads(answer.data)["tags"]) == (200, [])
    assert json.loads(page.get(f"/tags?image={SITE}:la").data)["tags"] == ["latest"]


def test_a_service_of_somebody_elses_is_not_shown(cloud: Cloud, page: Page) -> None:
    container = run_v2.Container(image=f"{world.MIRROR}/{SITE}")
    template = run_v2.RevisionTemplate(containers=[container])
    cloud.make_service("theirs", run_v2.Service(template=template))

    path = f"/services/{world.PROJECT}/{world.LOCATION}/theirs"

    assert page.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/nowhere", "/events/%20", "/mirror/x", "/assets/x/secret.py"])
def test_what_is_not_there_is_not_there(page: Page, path: str) -> None:
    assert page.get(path).status_code == 404


def test_a_service_that_is_not_there_says_so(page: Page) -> None:
    answer = page.get(f"{SERVICE}-none")

    assert answer.status_code == 404
    assert "knows of no service web-none" in answer.text


def test_what_is_held_is_not_only_up_to_date(cloud: Cloud, page: Page) -> None:
    track(cloud)
    annotate(cloud, hold='{"at": "2026-01-01T00:00:00+00:00", "by": "ann"}')

    text = page.text()

    assert re.search(r'class="sign held".*up to date, held', text)
    assert "by ann" in text


@pytest.mark.parametrize(
    ("image", "service", "says"),
    [
        (SITE, "other", "no service other yet"),
        (SITE, "web", "web is there, and runs dockersamples/static-site:latest"),
        ("library/hello", "web", "would run hello:latest in its place"),
        (SITE, "theirs", "transship does not track it"),
    ],
)
def test_the_form_says_what_a_deploy_takes_the_place_of(
    cloud: Cloud, page: Page, image: str, service: str, says: str
) -> None:
    track(cloud)
    cloud.hub.push("library/hello", "latest", images.static_site("hello"))
    container = run_v2.Container(image=f"{world.MIRROR}/{SITE}")
    template = run_v2.RevisionTemplate(containers=[container])
    cloud.make_service("theirs", run_v2.Service(template=template))

    assert says in page.text(f"/deploy?image={image}&service={service}")
