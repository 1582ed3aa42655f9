"""What somebody does at the page."""

import json
import urllib.request
from importlib import resources
from typing import Any

from google.pubsub_v1 import PubsubMessage

from local import images, world
from local.stack import Stack
from tools.browser import Browser

# https://github.com/dequelabs/axe-core/blob/develop/doc/API.md
_AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text()
_RULES = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
_RUN = """
return axe.run(document, arguments[0]).then((found) =>
  found.violations.flatMap(({ id, impact, nodes }) =>
    nodes.map((node) => `${impact}, ${id}: ${node.html.slice(0, 200)}: ${node.failureSummary}`)));
"""
# The one criterion of WCAG 2.2 that axe-core leaves to others: 1.4.10, nothing is read sideways.
_REFLOW = "return [document.documentElement.scrollWidth, window.innerWidth]"


class Visitor:
    """*page* is the address at which they are signed in."""

    def __init__(self, stack: Stack, browser: Browser, page: str) -> None:
        self.stack = stack
        self.browser = browser
        self.page = page

    def open(self, path: str = "/") -> None:
        self.browser.open(self.page + path)

    def path_of(self, service: str) -> str:
        return f"/services/{world.PROJECT}/{world.LOCATION}/{service}"

    def deploy(self, image: str, *, service: str) -> None:
        """By the form, and until it is live."""
        self.open("/deploy")
        self.browser.find("#image").type(image)
        self.press("Look it up")
        self.browser.wait(lambda: self.browser.find("#service"), "the second step")
        self.browser.find("#service").type(service)
        self.browser.find("input[name=public]").click()
        self.press("Deploy")
        self.ends("deployed")

    def press(self, text: str) -> None:
        self.browser.named("main button", text).click()

    def unfold(self, text: str) -> None:
        self.browser.named("summary", text).click()

    def sees(self, text: str) -> None:
        """Now or soon, without a reload by hand."""
        self.browser.wait(lambda: text in self.browser.text, f"{text!r}")

    def barriers(self) -> list[str]:
        """What keeps somebody out who does not see, or has no mouse, or a small window."""
        if not self.browser.run("return Boolean(window.axe)"):
            self.browser.run(_AXE)
        found: list[str] = self.browser.run(_RUN, _RULES)
        page, window = self.browser.run(_REFLOW)
        return [*found, f"the page is {page} wide in {window}"] if page > window else found

    def ends(self, state: str) -> None:
        """The event that a form has led to, by itself."""
        browser = self.browser
        browser.wait(
            lambda: "/events/" in browser.url and state in browser.find(".head .state").text,
            f"the event ends as {state!r}",
        )

    def served(self) -> str:
        """What the service says that the page links to."""
        with urllib.request.urlopen(self.browser.find("a.live")["href"], timeout=20) as answer:
            return str(answer.read().decode())

    def logged(self, text: str) -> None:
        """Until Cloud Logging has an entry that says so of a dead letter."""
        words = f'jsonPayload.dead_letter="{text}"'
        asked = {"resourceNames": [f"projects/{world.PROJECT}"], "filter": words}
        request = urllib.request.Request(
            f"{self.stack.logging.url}/v2/entries:list",
            json.dumps(asked).encode(),
            {"Authorization": f"Bearer ya29.local.{world.CONSOLE}"},
        )

        def found() -> bool:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return bool(json.load(answer).get("entries"))

        self.browser.wait(found, f"{text} is in the log")

    def outcomes(self) -> list[dict[str, Any]]:
        """Those that Cloud Logging has."""
        entries = self.stack.logging.payloads()
        return [each for each in entries if each["message"] == "event settled"]

    def push(self, repository: str, text: str) -> None:
        self.stack.hub.push(repository, "latest", images.static_site(text))

    def hub_tells(self, repository: str) -> None:
        """As Docker Hub's own webhook does."""
        told = {"push_data": {"tag": "latest"}, "repository": {"repo_name": repository}}
        url = f"{self.stack.functions['docker_hub_webhook'].url}/{world.WEBHOOK_SECRET}"
        request = urllib.request.Request(
            url, json.dumps(told).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=20).close()

    def publish(self, topic: str, document: Any, **attributes: str) -> str:
        sent = PubsubMessage(data=json.dumps(document).encode(), attributes=attributes)
        answer = self.stack.publisher().publish(topic=topic, messages=[sent])
        return str(answer.message_ids[0])
