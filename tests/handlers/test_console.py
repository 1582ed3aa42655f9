"""The page: who comes in, what they may, what they see, and what it costs."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.cloud import run_v2
from werkzeug.test import TestResponse

from local import images, world
from local.cloud_logging import HOST as LOGGING_HOST
from local.cloud_logging import CloudLogging
from local.front_door import KEYS_HOST, Auth, FrontDoor
from tests.fixtures.functions import SITE, Cloud, Function, running
from transship.console import overview

DEPLOYS = world.subscription("deploys")
SERVICE = f"/services/{world.PROJECT}/{world.LOCATION}/web"
_TOKEN = re.compile(r'name="token" value="([^"]+)"')
_HOSTILE = '"><script>alert(1)</script>'


class Page:
    """As somebody who is signed in has it in a browser."""

    def __init__(self, function: Function, door: FrontDoor, cloud: Cloud) -> None:
        self._client = function.client
        self._door = door
        self._cloud = cloud
        self.email = world.OPERATOR

    def get(self, path: str = "/", **headers: str) -> TestResponse:
        said = {**self._door.headers(self.email), **headers}
        return self._client.get(path, headers=said)

    def text(self, path: str = "/") -> str:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def token(self, path: str = "/deploy?image=" + SITE) -> str:
        found = _TOKEN.search(self.text(path))
        assert found
        return found[1]

    def post(
        self, path: str, fields: dict[str, str], *, origin: str = "http://localhost", **headers: str
    ) -> TestResponse:
        said = {**self._door.headers(self.email), "Origin": origin, **headers}
        return self._client.post(path, data=fields, headers=said)

    def messages(self) -> list[tuple[dict[str, Any], dict[str, str]]]:
        """What was published to the topic of deploys."""
        waiting = self._cloud.pubsub.backlog(DEPLOYS)
        return [(json.loads(each.data), dict(each.attributes)) for each in waiting]


Open = Callable[..., Any]


@pytest.fixture
def logging(tmp_path: Path) -> Iterator[CloudLogging]:
    logging = CloudLogging(world.PROJECT)
    logging.start()
    yield logging
    logging.stop()


@pytest.fixture
def opened(cloud: Cloud, logging: CloudLogging) -> Open:
    cloud.topics.create_topic(name=world.DEPLOY)
    cloud._subscriber.create_subscription(name=DEPLOYS, topic=world.DEPLOY)
    cloud.mirror.readers.add(world.CONSOLE)

    @contextmanager
    def open_page(auth: Auth = "iap", **settings: str) -> Iterator[Page]:
        door = FrontDoor(lambda: "http://127.0.0.1:9", audience=world.PAGE, auth=auth)
        door.start()
        hosts = {
            **cloud.hub.hosts,
            **cloud.mirror.hosts,
            LOGGING_HOST: logging.url,
            KEYS_HOST: door.keys_url,
        }
        said = {
            "TRANSSHIP_DEPLOY_TOPIC": world.DEPLOY,
            "TRANSSHIP_DEAD_LETTER_TOPIC": world.DEAD_LETTER,
            "TRANSSHIP_CONSOLE_AUTH": auth,
            "TRANSSHIP_CONSOLE_AUDIENCE": world.PAGE,
            "TRANSSHIP_CONSOLE_OPERATORS": world.OPERATOR,
            "TRANSSHIP_CONSOLE_VIEWERS": world.VIEWER,
            "TRANSSHIP_CONSOLE_KEYS": world.PAGE_KEY,
            "TRANSSHIP_LOCAL_ACCOUNT": world.CONSOLE,
            "TRANSSHIP_LOCAL_RUN_V1": cloud.run.v1_url,
            "TRANSSHIP_LOCAL_HOSTS": ",".join(f"{host}={url}" for host, url in hosts.items()),
            **settings,
        }
        try:
            with running("console", cloud.settings(**said)) as function:
                yield Page(function, door, cloud)
        finally:
            door.stop()

    return open_page


@pytest.fixture
def page(opened: Open) -> Iterator[Page]:
    with opened() as page:
        yield page


def track(cloud: Cloud) -> None:
    """A service `web` that tracks the site."""
    with running("deploy_image", cloud.settings()) as deployer:
        assert deployer.push({"image": SITE, "service": "web"}) == 200


def annotate(cloud: Cloud, **annotations: str) -> None:
    """As somebody who may write on the service."""
    service = cloud.service("web")
    said = {f"transship.dev/{name}": text for name, text in annotations.items()}
    service.annotations.update(said)
    cloud.change(service)


@pytest.mark.parametrize("path", ["/", SERVICE, "/deploy", "/mirror", "/dead-letters", "/events/1"])
def test_nobody_sees_anything_without_being_known(page: Page, path: str) -> None:
    for headers in ({}, {"X-Goog-IAP-JWT-Assertion": "a.b.c"}, {"Authorization": "Bearer a.b.c"}):
        answer = page._client.get(path, headers=headers)
        assert answer.status_code == 401
        assert world.PROJECT not in answer.text


def test_who_is_known_and_on_no_list_sees_nothing(page: Page) -> None:
    page.email = "eve@example.org"

    answer = page.get()

    assert answer.status_code == 403
    assert world.PROJECT not in answer.text


@pytest.mark.parametrize("auth", ["iap", "iam"])
def test_both_doors_let_in_who_is_on_a_list(opened: Open, auth: Auth) -> None:
    with opened(auth) as page:
        assert world.OPERATOR in page.text()


def test_a_header_of_ones_own_opens_no_door_of_the_other_kind(opened: Open) -> None:
    with opened("iap") as page:
        token = page._door.identity_token(world.OPERATOR)
        answer = page._client.get("/", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


def test_every_answer_says_what_a_browser_must_not_do(page: Page) -> None:
    first = page.get()
    stylesheet = re.search(r'href="(/assets/[^"]+\.css)"', first.text)
    assert stylesheet
    answers = {path: page.get(path) for path in ("/nowhere", "/deploy", stylesheet[1])}
    answers["/"] = first
    answers["outside"] = page._client.get("/")

    for answer in answers.values():
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert {answers[path].headers["Cache-Control"] for path in ("/", "/nowhere", "outside")} == {
        "no-store"
    }
    assert "immutable" in answers[stylesheet[1]].headers["Cache-Control"]
    cookie = answers["/"].headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


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


@pytest.mark.parametrize("path", ["/", "/deploy?image=" + SITE, "/mirror", "/dead-letters"])
def test_nothing_is_inline(page: Page, path: str) -> None:
    text = page.text(path)

    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text)


def test_a_deploy_is_everybodys_message_with_who_sent_it(page: Page) -> None:
    fields = {"token": page.token(), "image": SITE, "service": "web", "port": "80"}

    answer = page.post("/deploy", fields)

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/events/")
    assert page.messages() == [
        (
            {"image": SITE, "service": "web", "port": 80},
            {"kind": "deploy", "service": "web", "by": world.OPERATOR},
        )
    ]


def test_a_button_is_a_message_in_the_name_of_who_pressed_it(page: Page) -> None:
    fields = {"token": page.token(), "why": "an audit", "by": "somebody else", "kind": "untrack"}

    assert page.post(f"{SERVICE}/hold", fields).status_code == 303

    [(message, _)] = page.messages()
    assert message == {
        "kind": "hold",
        "service": "web",
        "project": world.PROJECT,
        "region": world.LOCATION,
        "by": world.OPERATOR,
        "why": "an audit",
    }


@pytest.mark.parametrize("kind", ["explain", "advance", "track", "deploy", "nothing"])
def test_what_has_no_button_cannot_be_pressed(page: Page, kind: str) -> None:
    assert page.post(f"{SERVICE}/{kind}", {"token": page.token()}).status_code == 404
    assert page.messages() == []


def test_a_place_that_policy_does_not_name_is_not_there(page: Page) -> None:
    elsewhere = f"/services/another-project/{world.LOCATION}/web"

    assert page.get(elsewhere).status_code == 404
    assert page.post(f"{elsewhere}/hold", {"token": page.token()}).status_code == 404
    assert page.messages() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": ""},
        {"token": "1795540365." + "0" * 64},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_form_that_is_not_the_pages_own_does_nothing(page: Page, wrong: dict[str, str]) -> None:
    fields = {"token": wrong.pop("token", page.token()), "image": SITE}

    answer = page.post("/deploy", fields, **wrong)

    assert answer.status_code == 403
    assert page.messages() == []


def test_one_persons_form_is_not_anothers(opened: Open) -> None:
    both = f"{world.OPERATOR},eve@example.com"
    with opened(TRANSSHIP_CONSOLE_OPERATORS=both) as page:
        fields = {"token": page.token(), "image": SITE}
        page.email = "eve@example.com"

        assert page.post("/deploy", fields).status_code == 403
        assert page.messages() == []


def test_a_viewer_sees_all_and_changes_nothing(cloud: Cloud, page: Page) -> None:
    track(cloud)
    token = page.token()
    page.email = world.VIEWER

    assert "up to date" in page.text(SERVICE)
    for path in ("/", SERVICE, "/deploy?image=" + SITE, "/dead-letters"):
        assert 'method="post"' not in page.text(path)
    for path in ("/deploy", f"{SERVICE}/hold", "/dead-letters/1/replay"):
        assert page.post(path, {"token": token, "image": SITE}).status_code == 403
    assert page.messages() == []


def test_what_came_from_elsewhere_is_text(cloud: Cloud, page: Page) -> None:
    note = {"at": "2026-01-01T00:00:00+00:00", "by": _HOSTILE, "why": _HOSTILE}
    bad = {
        "child": f"sha256:{'1' * 64}",
        "reason": _HOSTILE,
        "evidence": _HOSTILE,
        "at": note["at"],
    }
    track(cloud)
    revision = cloud.service("web").latest_ready_revision.rpartition("/")[2]
    annotate(
        cloud,
        hold=json.dumps(note),
        why=_HOSTILE,
        skip=json.dumps({_HOSTILE: note}),
        quarantine=json.dumps([{**bad, "revision": revision}]),
    )

    seen = [page.text(path) for path in ("/", SERVICE, f"/?named={_HOSTILE}")]
    seen.append(page.get(f"/deploy?image={_HOSTILE}").text)
    seen.append(page.text(f"/events/1?service={_HOSTILE}"))

    for text in seen:
        assert "<script>alert" not in text
    assert seen[1].count("&lt;script&gt;alert") >= 4


@pytest.mark.parametrize("verdict", ["replay", "discard"])
def test_a_dead_letter_that_nobody_knows_is_left_alone(page: Page, verdict: str) -> None:
    answer = page.post(f"/dead-letters/123/{verdict}", {"token": page.token()})

    assert answer.status_code == 403
    assert "on no record" in answer.text
    assert page.messages() == []


def test_a_dead_letter_is_replayed_or_discarded_and_nothing_else(page: Page) -> None:
    assert page.post("/dead-letters/123/forward", {"token": page.token()}).status_code == 404


def test_a_link_leads_to_the_web_or_nowhere(cloud: Cloud, page: Page) -> None:
    track(cloud)

    links = re.findall(r'href="([^"]*)"', page.text(SERVICE))

    assert links
    assert all(link.startswith(("/", "https://", "http://", "#")) for link in links)


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
    assert logging.reads == read + 1


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


def test_while_iaps_keys_cannot_be_had_nobody_is_let_in(page: Page) -> None:
    headers = page._door.headers(world.OPERATOR)
    page._door.stop()

    answer = page._client.get("/", headers=headers)

    assert answer.status_code == 503
    assert world.PROJECT not in answer.text


def test_a_form_that_is_too_long_is_not_read(page: Page) -> None:
    fields = {"token": page.token(), "image": SITE, "why": "x" * 70_000}

    assert page.post("/deploy", fields).status_code == 413
    assert page.messages() == []


def test_a_page_takes_no_request_of_another_kind(page: Page) -> None:
    headers = page._door.headers(world.OPERATOR)

    assert page._client.put("/deploy", headers=headers).status_code == 405
    assert page._client.head("/", headers=headers).status_code == 200


def test_a_wrong_form_says_what_would_be_right(page: Page) -> None:
    for fields, says in (
        ({"image": "nginx:"}, "tag"),
        ({"image": SITE, "port": "80a"}, "right is a number"),
        ({"image": SITE, "service": "Not One"}, "Not One"),
    ):
        answer = page.post("/deploy", {"token": page.token(), **fields})
        assert answer.status_code == 400
        assert says in answer.text
    assert page.messages() == []


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
