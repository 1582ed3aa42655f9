"""Who comes into the page, what they may, and what a browser is told."""

import json
import re

import pytest

from local import world
from local.front_door import Auth
from tests.fixtures.functions import SITE, Cloud
from tests.handlers.console_page import SERVICE, Open, Page, annotate, track

_HOSTILE = '"><script>alert(1)</script>'


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


@pytest.mark.parametrize("path", ["/", "/deploy?image=" + SITE, "/mirror", "/dead-letters"])
def test_nothing_is_inline(page: Page, path: str) -> None:
    text = page.text(path)

    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text)


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


def test_a_link_leads_to_the_web_or_nowhere(cloud: Cloud, page: Page) -> None:
    track(cloud)

    links = re.findall(r'href="([^"]*)"', page.text(SERVICE))

    assert links
    assert all(link.startswith(("/", "https://", "http://", "#")) for link in links)


def test_while_iaps_keys_cannot_be_had_nobody_is_let_in(page: Page) -> None:
    headers = page._door.headers(world.OPERATOR)
    page._door.stop()

    answer = page._client.get("/", headers=headers)

    assert answer.status_code == 503
    assert world.PROJECT not in answer.text
