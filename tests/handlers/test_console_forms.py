"""The page's forms: each publishes one message, or says what would be right."""

import pytest

from local import images, world
from tests.fixtures.functions import SITE, Cloud
from tests.handlers.console_page import SERVICE, Page, track

_HOSTILE = '"><script>alert(1)</script>'


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


@pytest.mark.parametrize("verdict", ["replay", "discard"])
def test_a_dead_letter_that_nobody_knows_is_left_alone(page: Page, verdict: str) -> None:
    answer = page.post(f"/dead-letters/123/{verdict}", {"token": page.token()})

    assert answer.status_code == 403
    assert "on no record" in answer.text
    assert page.messages() == []


def test_a_dead_letter_is_replayed_or_discarded_and_nothing_else(page: Page) -> None:
    assert page.post("/dead-letters/123/forward", {"token": page.token()}).status_code == 404


def test_a_wrong_form_is_shown_again_with_what_was_typed(page: Page) -> None:
    fields = {"token": page.token(), "image": SITE, "service": "No_Name", "port": "81"}

    answer = page.post("/deploy", fields)

    assert answer.status_code == 400
    assert "No_Name" in answer.text
    assert "is wrong; right are" in answer.text
    assert 'name="port" value="81"' in answer.text
    assert page.messages() == []


def test_another_services_image_is_replaced_only_by_who_has_seen_that(
    cloud: Cloud, page: Page
) -> None:
    """Without a script a name is typed over the one that the form was made for."""
    track(cloud)
    cloud.hub.push("library/hello", "latest", images.static_site("hello"))
    fields = {"token": page.token(), "image": "hello", "service": "web", "seen": "hello"}

    first = page.post("/deploy", fields)

    assert first.status_code == 200
    assert "would run hello:latest in its place" in first.text
    assert 'name="seen" value="web"' in first.text
    assert page.messages() == []
    second = page.post("/deploy", {**fields, "seen": "web"})
    assert second.status_code == 303
    assert [message["service"] for message, _ in page.messages()] == ["web"]


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
