"""The page in a browser, before a local stack: what somebody does who has only read the README."""

import json
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from local import world
from tests.browser.visitor import Visitor
from tests.fixtures.receiver import Receiver

pytestmark = pytest.mark.stack


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
        CloudPubSubDeadLetterSourceSubscription="transship-deploy-push",
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


def test_without_a_script_it_is_all_there(operator: Visitor) -> None:
    operator.push("example/plain", "plain words")
    operator.browser.without_scripts(off=True)
    try:
        operator.deploy("example/plain", service="plain")
        assert "plain words" in operator.served()
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
        CloudPubSubDeadLetterSourceSubscription="transship-deploy-push",
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
