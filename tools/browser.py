"""A headless Chromium that is driven as WebDriver says (https://www.w3.org/TR/webdriver2/).

Debian's chromium and chromium-driver, and the dozen commands that are needed: no further library.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_PATIENCE = 20.0
_PAUSE = 0.03
_TIMEOUT = 60.0
_ARGUMENTS = (
    "--headless",
    # Its sandbox needs what a container does not have; the pages are our own.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
)
_STARTED = re.compile(r"started successfully on port ([0-9]+)")
# Nothing of ours, and nothing that speaks to the network.
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


class NoBrowser(Exception):
    """There is none on this machine; the message says what to install."""


class NotFound(Exception):
    """The page has no such element."""


@dataclass(frozen=True, slots=True)
class Element:
    browser: "Browser"
    id: str

    @property
    def text(self) -> str:
        return str(self.browser.ask("GET", f"/element/{self.id}/text"))

    def click(self) -> None:
        self.browser.ask("POST", f"/element/{self.id}/click", {})

    def type(self, text: str) -> None:
        """In place of what stands there."""
        self.browser.ask("POST", f"/element/{self.id}/clear", {})
        self.browser.ask("POST", f"/element/{self.id}/value", {"text": text})

    def __getitem__(self, attribute: str) -> str:
        return str(self.browser.ask("GET", f"/element/{self.id}/attribute/{attribute}") or "")


class Browser:
    """One session; *url* is its own at the driver."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return _ask(method, f"{self._url}{path}", body)

    def open(self, url: str) -> None:
        self.ask("POST", "/url", {"url": url})

    @property
    def url(self) -> str:
        return str(self.ask("GET", "/url"))

    @property
    def text(self) -> str:
        """All that somebody sees."""
        return self.find("body").text

    def find(self, css: str) -> Element:
        """Raises NotFound."""
        found = self.all(css)
        if not found:
            raise NotFound(css)
        return found[0]

    def all(self, css: str) -> list[Element]:
        found = self.ask("POST", "/elements", {"using": "css selector", "value": css})
        return [Element(self, each[_ELEMENT]) for each in found]

    def named(self, css: str, text: str) -> Element:
        """The first that *css* matches and that says *text*; raises NotFound."""
        for each in self.all(css):
            if text in each.text:
                return each
        raise NotFound(f"{css} that says {text!r}")

    def focused(self) -> Element:
        """What a key would go to."""
        return Element(self, self.ask("GET", "/element/active")[_ELEMENT])

    def press(self, key: str) -> None:
        """One of https://www.w3.org/TR/webdriver2/#keyboard-actions, wherever the focus is."""
        strokes = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": strokes}
        self.ask("POST", "/actions", {"actions": [keyboard]})

    def run(self, script: str, *arguments: Any) -> Any:
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, holds: Callable[[], T], what: str, *, patience: float = _PATIENCE) -> T:
        """What *holds* gives as soon as that is true of anything."""
        until = time.monotonic() + patience
        while True:
            try:
                if found := holds():
                    return found
            except (NotFound, _Refused):
                pass  # the page is changing under our hands
            if time.monotonic() > until:
                raise AssertionError(f"not within {patience} s: {what}: {self.text}")
            time.sleep(_PAUSE)

    def look_like(self, *, width: int, height: int, dark: bool = False) -> None:
        """A telephone's width, a dark room."""
        self._chrome(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self._chrome("Emulation.setEmulatedMedia", features=[scheme, still])

    def without_scripts(self, *, off: bool) -> None:
        self._chrome("Emulation.setScriptExecutionDisabled", value=off)

    def screenshot(self) -> bytes:
        """A PNG of what is in the window."""
        shot = self._chrome("Page.captureScreenshot", format="png")
        return base64.b64decode(shot["data"])

    def complaints(self) -> list[str]:
        """What the browser's console had to say since the last time: refusals of the policy."""
        found = self.ask("POST", "/se/log", {"type": "browser"})
        return [each["message"] for each in found]

    def _chrome(self, command: str, **arguments: Any) -> Any:
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": arguments})


class _Refused(Exception):
    pass


@contextmanager
def chromium() -> Iterator[Browser]:
    """Until the end of the block. Raises NoBrowser."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        raise NoBrowser("Debian's packages chromium and chromium-driver are not installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [driver, "--port=0", "--allowed-ips=127.0.0.1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
        )
        session = ""
        try:
            session = _begin(f"http://127.0.0.1:{_port(process)}", program, Path(profile))
            yield Browser(session)
        finally:
            if session:
                _ask("DELETE", session, None)
            process.terminate()
            process.communicate(timeout=_PATIENCE)


def _begin(driver: str, program: str, profile: Path) -> str:
    options = {"binary": program, "args": [*_ARGUMENTS, f"--user-data-dir={profile}"]}
    wanted = {
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": {"browser": "ALL"},
    }
    begun = _ask("POST", f"{driver}/session", {"capabilities": {"alwaysMatch": wanted}})
    return f"{driver}/session/{begun['sessionId']}"


def _ask(method: str, url: str, body: dict[str, Any] | None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - the driver on this machine
        url, data, {"Content-Type": "application/json"}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 - as above
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        with error:
            said = json.load(error)["value"]
        raise _Refused(f"{said['error']}: {said['message']}") from None


def _port(process: subprocess.Popen[str]) -> int:
    """The kernel's choice, which the driver tells on its output."""
    assert process.stdout is not None  # noqa: S101 - a pipe
    # Not closed afterwards: it has little to say, and ends by an output that is gone.
    for line in process.stdout:
        if found := _STARTED.search(line):
            return int(found[1])
    raise RuntimeError(f"chromedriver ended with {process.wait(_PATIENCE)} before it had begun")
