"""A local stack of these tests' own, and one browser that looks at its page."""

import json
from collections.abc import Iterator

import pytest

from local import world
from local.pubsub.emulator import Emulator
from local.stack import Stack
from tests.browser.visitor import Visitor
from tests.fixtures.receiver import Receiver
from tools.browser import Browser, NoBrowser, chromium

_NOTIFY = [
    {
        "name": "tool",
        "kind": "webhook",
        "url": "https://hooks.example/in",
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "services": ["shop"],
    }
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    try:
        with chromium() as browser:
            yield browser
    except NoBrowser as absent:
        pytest.skip(str(absent))


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="session")
def stack(
    browser: Browser, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    with Stack(
        tmp_path_factory.mktemp("page"),
        pubsub=Emulator(),
        settings={"TRANSSHIP_NOTIFY": json.dumps(_NOTIFY)},
        outside={"hooks.example": receiver.url},
    ) as stack:
        yield stack


@pytest.fixture
def operator(stack: Stack, browser: Browser) -> Iterator[Visitor]:
    yield from _visiting(stack, browser, world.OPERATOR)


@pytest.fixture
def viewer(stack: Stack, browser: Browser) -> Iterator[Visitor]:
    yield from _visiting(stack, browser, world.VIEWER)


@pytest.fixture
def stranger(stack: Stack, browser: Browser) -> Iterator[Visitor]:
    """Signed in, and on no list."""
    yield from _visiting(stack, browser, "stranger@example.com")


def _visiting(stack: Stack, browser: Browser, email: str) -> Iterator[Visitor]:
    browser.look_like(width=1000, height=900)
    browser.complaints()
    yield Visitor(stack, browser, stack.front_door.door(email))
    # Whatever it did, the page asked for nothing that its own policy forbids.
    assert [said for said in browser.complaints() if "Content Security Policy" in said] == []
