"""What the page says of one event: how it ended, that it is tried again, or that nobody knows."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from local import world
from local.cloud_logging import CloudLogging
from tests.handlers.console_page import SERVICE, Page

PATIENCE = 10.0
PLACE = {"service": "web", "project": world.PROJECT, "region": world.LOCATION}


@pytest.fixture
def said(logging: CloudLogging, tmp_path: Path) -> Any:
    """Writes an entry as a function does, and waits until the log has it."""
    path = tmp_path / "deploy_image.log"
    path.touch()
    logging.watch("transship-deploy-image", path)

    def say(**fields: Any) -> None:
        with path.open("a") as file:
            file.write(json.dumps(fields) + "\n")
        until = time.monotonic() + PATIENCE
        while not any(fields.items() <= each.items() for each in logging.payloads()):
            assert time.monotonic() < until
            time.sleep(0.02)

    return say


def ended(kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "message": "event settled",
        "type": f"dev.transship.{kind}.v1",
        "event_id": "7",
    } | fields


def test_an_event_that_nobody_knows_is_not_said_to_be_on_its_way(page: Page) -> None:
    text = page.text("/events/9999")

    assert "No outcome of an event 9999 is known" in text
    assert "on its way</span>" not in text


def test_an_event_that_was_just_published_is_on_its_way(page: Page) -> None:
    assert "on its way</span>" in page.text("/events/9999?service=web")


def test_an_event_that_is_tried_again_says_why(page: Page, said: Any) -> None:
    said(message="event deferred", event_id="7", reason="docker.io answers 429")

    text = page.text("/events/7?service=web")

    assert "tried again</span>" in text
    assert "docker.io answers 429" in text
    assert "data-live" in text, "the outcome is still to come"


def test_an_event_that_was_given_up_names_its_dead_letter(page: Page, said: Any) -> None:
    at = "2026-11-24T12:00:00.123000+00:00"
    said(message="event deferred", event_id="7", reason="429", published_at=at)
    said(message="event deferred", event_id="8", reason="429", published_at="another moment")
    said(message="dead letter", dead_letter="9", published_at=at)

    text = page.text("/events/7")

    assert "given up</span>" in text
    assert 'href="/events/9"' in text
    assert "tried again</span>" in page.text("/events/8")
    assert "given up</span>" in page.text("/events/9"), "by its own id too"


def test_the_end_of_an_event_that_was_tried_again_is_its_outcome(page: Page, said: Any) -> None:
    said(message="event deferred", event_id="7", reason="docker.io answers 429")
    said(**ended("deployed", changed=True, reason="new_image", image="nginx", **PLACE))

    text = page.text("/events/7")

    assert "deployed</span>" in text
    assert "429" not in text
    assert f'href="{SERVICE}"' in text


@pytest.mark.parametrize("kind", ["rejected", "failed"])
def test_what_failed_can_be_deployed_again_from_the_form(page: Page, said: Any, kind: str) -> None:
    said(**ended(kind, reason="no such image", image="docker.io/library/nothing:1", **PLACE))

    text = page.text("/events/7")

    assert 'href="/deploy?image=docker.io/library/nothing%3A1&amp;service=web"' in text
    assert (f'href="{SERVICE}"' in text) == (kind == "failed"), "what never was has no page"


def test_who_may_only_look_is_offered_no_deploy(page: Page, said: Any) -> None:
    said(**ended("failed", reason="never_ready", image="docker.io/library/broken:1", **PLACE))
    page.email = world.VIEWER

    assert "/deploy?" not in page.text("/events/7")


def test_a_deploy_that_changed_nothing_says_so(page: Page, said: Any) -> None:
    said(**ended("deployed", changed=False, reason="up_to_date", image="nginx", **PLACE))

    assert "as asked</span>" in page.text("/events/7")
    assert "as asked</span>" in page.text("/")


def test_what_only_the_mirror_knew_is_said(page: Page, said: Any) -> None:
    said(**ended("deployed", changed=True, resolved_by="mirror", image="nginx", **PLACE))

    assert "the mirror alone" in page.text("/events/7")
