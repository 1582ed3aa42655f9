"""The page in a browser, before a local stack: what somebody does who has only read the README."""

import json
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from local import images, world
from tests.browser.visitor import Visitor
from tests.fixtures.receiver import Receiver

pytestmark = pytest.mark.stack

# https://www.w3.org/TR/webdriver2/#keyboard-actions
TAB, ENTER = "\ue004", "\ue007"
_CONTROLS = """
const all = 'a[href], button, input:not([type=hidden]), summary, [tabindex="0"]';
const shown = [...document.querySelectorAll(all)].filter((each) => each.checkVisibility());
return shown.map((each) => each.outerHTML);
"""


def test_an_image_is_deployed_follows_its_tag_and_is_rolled_back(
    operator: Visitor, receiver: Receiver
) -> None:
    operator.push("example/shop", "first words")

    operator.deploy("example/shop", service="shop")

    assert "first words" in operator.served()
    operator.browser.named("main a", "the service").click()
    operator.sees("up to date")

    operator.push("example/shop", "second words")
    operator.hub_tells("example/shop")
    # The page is left alone: it shows by itself what happens.
    operator.browser.wait(
        lambda: (
            len(operator.browser.all(".lineage > li")) == 2
            and "serves" in operator.browser.find(".lineage > li").text
        ),
        "the second revision serves",
        patience=40.0,
    )

    operator.unfold("Roll back to this")
    operator.press("Send visitors here")
    operator.ends("rolled back")
    operator.open(operator.path_of("shop"))
    newest, before = operator.browser.all(".lineage > li")
    assert "serves" in before.text
    assert "100 %" in before.text
    assert "serves" not in newest.text
    operator.open()
    assert "quarantined" in operator.browser.find(".fleet > li").text

    # And somebody's own tool was told of all three, with what ran before.
    operator.browser.wait(lambda: len(receiver.got) >= 3, "three notices")
    told = {json.loads(body)["id"]: json.loads(body) for _, _, body in receiver.got}
    first, second, back = sorted(told.values(), key=lambda event: str(event["time"]))
    assert second["data"]["previous_digest"] == first["data"]["child_digest"]
    assert back["type"] == "dev.transship.rolled_back.v1"


def test_a_hold_says_who_and_why_and_ends_by_a_release(operator: Visitor) -> None:
    operator.push("example/held", "words")
    operator.deploy("example/held", service="held")

    operator.open(operator.path_of("held"))
    operator.unfold("Hold")
    operator.browser.find("form[action$='/hold'] input[name=why]").type("an audit")
    operator.press("No automatic deploys")
    operator.ends("hold")
    operator.open(operator.path_of("held"))

    assert f"by {world.OPERATOR}: an audit" in operator.browser.find("dl.facts").text
    operator.unfold("Release")
    operator.press("Follow the tag again")
    operator.ends("release")


def test_a_dead_letter_is_replayed(operator: Visitor) -> None:
    operator.push("example/late", "late words")
    # As Pub/Sub forwards it: https://cloud.google.com/pubsub/docs/dead-letter-topics
    letter = operator.publish(
        world.DEAD_LETTER,
        {"image": "example/late", "service": "late"},
        CloudPubSubDeadLetterSourceSubscription="transship-deploy",
        CloudPubSubDeadLetterSourceSubscriptionProject=world.PROJECT,
        CloudPubSubDeadLetterSourceDeliveryCount="100",
    )

    operator.logged(letter)
    operator.open("/dead-letters")
    operator.sees(letter)
    operator.press("Replay")

    operator.ends("deployed")
    operator.open("/dead-letters")
    operator.sees("replayed")


def test_tags_come_as_somebody_types(operator: Visitor) -> None:
    operator.push("example/typed", "words")
    digest = operator.stack.hub.tags("example/typed")["latest"]
    operator.stack.hub.tag("example/typed", "1.27-alpine", digest)

    operator.open("/deploy")
    operator.browser.find("#image").type("example/typed:1.2")

    operator.browser.wait(
        lambda: (
            [each["value"] for each in operator.browser.all("#image-tags option")]
            == ["example/typed:1.27-alpine"]
        ),
        "the tag is offered",
    )


def test_what_was_refused_or_failed_says_why_in_the_list(operator: Visitor) -> None:
    operator.stack.hub.push("example/mute", "latest", images.exits_at_start())
    # A service that fails, and one that is asked for what cannot be.
    for message in ({}, {"memory": "5Mi"}):
        operator.publish(world.DEPLOY, {"image": "example/mute", "service": "mute", **message})
    operator.browser.wait(
        lambda: [each.get("service") for each in operator.outcomes()].count("mute") > 1, "both end"
    )

    operator.open(operator.path_of("mute"))

    assert "failed to start and listen on the port" in operator.browser.text
    assert "limits['memory']: 5Mi is too little" in operator.browser.text
    assert "event settled" not in operator.browser.text


def test_a_screen_reader_is_told_how_it_ends(operator: Visitor) -> None:
    operator.push("example/told", "words")
    operator.open("/deploy?image=example/told&service=told")
    operator.press("Deploy")
    news = operator.browser.find("#news")
    assert (news["role"], news["aria-live"], news.text) == ("status", "polite", "")

    operator.browser.wait(
        lambda: operator.browser.run("return document.getElementById('news').textContent"),
        "something is said",
    )

    assert operator.browser.run("return document.getElementById('news').textContent") == "deployed"


def test_a_keyboard_is_enough(operator: Visitor) -> None:
    browser = operator.browser
    operator.push("example/keys", "words")
    operator.open("/deploy?image=example/keys&service=keys")
    controls = browser.run(_CONTROLS)

    met = []
    for _ in range(len(controls)):
        browser.press(TAB)
        met.append(browser.run("return document.activeElement.outerHTML"))
        outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", f"nobody sees that it is at {met[-1]}"

    assert met == controls
    assert "Skip to the content" in met[0]
    operator.open("/deploy?image=example/keys&service=keys")
    while browser.focused()["name"] != "public":
        browser.press(TAB)
    browser.press(" ")
    while "Deploy" not in browser.focused().text or browser.focused()["href"]:
        browser.press(TAB)
    browser.press(ENTER)
    operator.ends("deployed")
    assert "words" in operator.served()


def test_without_a_script_it_is_all_there(operator: Visitor) -> None:
    operator.push("example/plain", "plain words")
    operator.browser.without_scripts(off=True)
    try:
        operator.deploy("example/plain", service="plain")
        assert "plain words" in operator.served()
        operator.open(operator.path_of("plain"))
        operator.unfold("Pin")
        operator.press("Stay on what runs")
        operator.ends("pin")
    finally:
        operator.browser.without_scripts(off=False)


def test_a_viewer_sees_no_button_and_cannot_post(viewer: Visitor, operator: Visitor) -> None:
    operator.push("example/seen", "words")
    operator.deploy("example/seen", service="seen")

    viewer.open(viewer.path_of("seen"))

    assert "serves" in viewer.browser.text
    assert viewer.browser.all("form[method=post]") == []
    request = urllib.request.Request(
        f"{viewer.page}{viewer.path_of('seen')}/hold", b"why=x", {"Origin": viewer.page}
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=20)


def test_nobody_is_kept_out(operator: Visitor) -> None:
    operator.push("example/open", "words")
    operator.deploy("example/open", service="open")
    event = urlsplit(operator.browser.url)
    letter = operator.publish(
        world.DEAD_LETTER,
        {"image": "example/given-up"},
        CloudPubSubDeadLetterSourceSubscription="transship-deploy",
        CloudPubSubDeadLetterSourceSubscriptionProject=world.PROJECT,
    )
    operator.logged(letter)
    pages = (
        "/",
        "/?named=nothing",
        operator.path_of("open"),
        "/deploy",
        "/deploy?image=example/open",
        "/deploy?image=example/not-there",
        "/deploy?image=not:a:reference",
        "/mirror",
        "/dead-letters",
        f"{event.path}?{event.query}",
        "/events/none?service=open",
        "/nowhere",
    )

    assert barriers(operator, *pages) == {}


def test_a_stranger_is_told_so_and_not_kept_out_of_that(stranger: Visitor) -> None:
    assert barriers(stranger, "/") == {}
    assert "is on no list of this page" in stranger.browser.text


def test_the_check_for_barriers_finds_some(operator: Visitor) -> None:
    operator.open("/deploy")
    operator.browser.run(
        "const main = document.querySelector('main');"
        "main.append(document.createElement('button'));"
        "main.querySelector('p').style.color = '#aaa';"
        "main.style.width = '3000px';"
    )

    said = "\n".join(operator.barriers())

    assert "critical, button-name" in said
    assert "serious, color-contrast" in said
    assert "wide in" in said


def barriers(visitor: Visitor, *paths: str) -> dict[tuple[str, int, str], list[str]]:
    """With everything unfolded, in light and dark, at a desk's and a telephone's width."""
    found = {}
    for path in paths:
        visitor.open(path)
        for summary in visitor.browser.all("summary"):
            summary.click()
        for width in (1000, 360):
            for scheme in ("light", "dark"):
                visitor.browser.look_like(width=width, height=900, dark=scheme == "dark")
                if said := visitor.barriers():
                    found[path, width, scheme] = said
    return found
