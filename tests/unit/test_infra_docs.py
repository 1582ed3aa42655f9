"""What the operators' pages tell people to type is what the code understands."""

import re
from pathlib import Path

import pytest

from tools.terraform.configuration import Configuration
from transship.model.messages import decode_message

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / "docs" / name for name in ("costs.md", "first-hour.md", "operations.md")),
    ROOT / "docs" / "security.md",
    ROOT / "infra" / "README.md",
    ROOT / "infra" / "roles.md",
]
_PUBLISHED = re.compile(r"--message='(\{[^']*\})'")
_INLINE = re.compile(r"`(\{\"kind\":[^`]*\})`")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
_TOPIC = re.compile(r"topics publish (transship-[a-z-]+)|subscriptions \w+ (transship-[a-z-]+)")
# Made by the reader, on the first hour's way.
_MADE_BY_HAND = {"transship-outcomes-reader"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_messages_on_a_page_are_understood(page: Path) -> None:
    text = page.read_text()

    for message in (*_PUBLISHED.findall(text), *_INLINE.findall(text)):
        decode_message(message.encode())


def test_there_are_messages_to_be_understood() -> None:
    assert _PUBLISHED.search((ROOT / "docs" / "first-hour.md").read_text())
    assert _INLINE.search((ROOT / "docs" / "operations.md").read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    # The changelog is written with the first release.
    links = [link for link in _LINK.findall(page.read_text()) if "CHANGELOG" not in link]

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_topics_and_subscriptions_on_a_page_are_terraforms(page: Path) -> None:
    topics = Configuration.read(ROOT / "infra").local_values()["topics"]
    known = {f"transship-{topic}" for topic in topics} | _MADE_BY_HAND

    named = {name for pair in _TOPIC.findall(page.read_text()) for name in pair if name}
    assert named <= known
