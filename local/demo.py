"""The main job, shown: a message names an image that only Docker Hub has, and its site is served.

Each step says what it did and what came of it, or the demo ends with another status than 0.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path

from local import clients, home, world
from local.invitation import next_commands
from local.logbook import readable, tail
from local.outcomes import Heard, reason
from local.registry.faults import Fault
from local.running import Running, running
from local.samples import Sample, samples, static_site
from local.stack import Part
from local.terminal import Terminal, short, size
from local.watch import NoOutcome, Watch, caused_by

_DEPLOYED = "dev.transship.deployed.v1"
_OUTCOME_WITHIN = 60.0
_SITE_WITHIN = 10.0
_SITE_LIMIT = 64 * 1024
_SITE_LINES = 5
_LOG_LINES = 6
# Loopback would be over before anybody has seen it.
_LINE = Fault(path="^/registry-v2/", method="GET", bytes_per_second=6_000_000)

_SWEEP = "transship-sweep"

_MESSAGE = {
    "image": world.IMAGE,
    "service": world.SERVICE,
    "port": 80,
    "allow_unauthenticated": True,
}


class StepFailed(Exception):
    """In a sentence, for a person."""


def play(
    folder: Path,
    terminal: Terminal,
    *,
    until_stopped: Callable[[], None] | None,
    shelf: Callable[[], Iterable[Sample]] = samples,
) -> int:
    """The exit status. *until_stopped* waits while the stack is left running, None ends it."""
    terminal.title("transship: a message deploys a Docker Hub image, all on this machine")
    try:
        terminal.step("The local cloud starts")
        with running(folder, ready=_told(terminal)) as stack:
            try:
                Demo(stack, terminal).show(list(shelf()))
            except (StepFailed, NoOutcome) as problem:
                terminal.fail(str(problem))
                _show_log(stack, terminal)
                return 1
            if until_stopped is not None:
                _leave(stack, terminal)
                until_stopped()
    except (home.NotHere, RuntimeError) as problem:
        terminal.fail(f"The local cloud did not start: {problem}")
        return 1
    return 0


class Demo:
    def __init__(self, stack: Running, terminal: Terminal) -> None:
        self._running = stack
        self._terminal = terminal
        self._env = home.look(stack.folder).env

    def show(self, shelf: list[Sample]) -> None:
        """Raises StepFailed or NoOutcome."""
        site = next(sample for sample in shelf if sample.repository == world.IMAGE)
        self._seed(shelf)
        self._list_none()
        first, _ = self._deploy(site)
        self._show_outcome(first)
        self._show_site(first, expect="")
        self._list_some()
        self._repeat(site, first)
        self._follow(
            "The tag moves on Docker Hub; an audit entry of the mirror tells",
            "The tag has moved, and so has the site.",
            self._pull_through_mirror,
        )
        self._follow(
            "The tag moves once more; the sweep finds it",
            "The site has followed its tag again.",
            self._tick,
        )

    def _seed(self, shelf: list[Sample]) -> None:
        self._terminal.step("Images on the local Docker Hub")
        for sample in shelf:
            self._running.stack.hub.push(sample.repository, sample.tag, sample.image)
            weight = size(sum(sample.blobs.values()))
            self._terminal.done(f"{sample.repository}:{sample.tag}", f"{weight}, {sample.about}")

    def _list_none(self) -> None:
        found = clients.mirrored(self._env)
        if found:
            raise StepFailed(f"The mirror should be empty and lists {len(found)} images already.")
        self._terminal.say(
            "The mirror lists none of them: nothing to choose in the Cloud Run console."
        )

    def _deploy(self, site: Sample) -> tuple[Heard, int]:
        self._terminal.step("A message is published")
        watch = Watch(self._running, site)
        event_id = self._publish()
        self._terminal.step("What it sets off")
        self._terminal.say("(the line to Docker Hub is slowed down, so that it can be seen)", "dim")
        self._running.stack.hub.faults.add(_LINE)
        try:
            outcome = watch.outcome(caused_by(event_id), self._terminal, within=_OUTCOME_WITHIN)
        finally:
            self._running.stack.hub.faults.clear()
        _check_deployed(outcome)
        return outcome, watch.bytes_fetched()

    def _publish(self) -> str:
        message = json.dumps(_MESSAGE)
        event_id = clients.publish(self._env, world.DEPLOY, message.encode())
        self._terminal.facts({"topic": world.DEPLOY, "message id": event_id})
        self._terminal.say(json.dumps(_MESSAGE, indent=2).replace("\n", "\n    "), "cyan")
        return event_id

    def _show_outcome(self, outcome: Heard) -> None:
        data = outcome.data
        self._terminal.step("The outcome, as everybody can read it on transship-outcomes")
        self._terminal.facts(
            {
                "type": outcome.outcome["type"],
                "image": data["image"],
                "index": short(data["index_digest"]),
                "child digest": short(data["child_digest"]),
                "service": data["service"],
                "revision": data["revision"],
                "url": data["url"],
                "pulled": f"{data['blobs']} blobs, {size(data['bytes'])}"
                f" in {data['seconds']:.2f} s",
            }
        )

    def _show_site(self, outcome: Heard, *, expect: str) -> None:
        url = outcome.data["url"]
        self._terminal.step(f"The site at {url}")
        site = _fetch(url, expect)
        for line in site.splitlines()[:_SITE_LINES]:
            self._terminal.say(line, "green")

    def _list_some(self) -> None:
        self._terminal.step("What the Cloud Run console has to choose now")
        found = [image for image in clients.mirrored(self._env) if world.IMAGE in image.uri]
        if not found:
            raise StepFailed(f"The mirror still lists nothing of {world.IMAGE}.")
        self._terminal.say(f"{world.MIRROR} lists", "dim")
        for image in sorted(found, key=lambda image: not image.tags):
            name, _, digest = image.uri.removeprefix(f"{world.MIRROR}/").partition("@")
            self._terminal.done(f"{name}@{short(digest)}", ", ".join(image.tags))

    def _repeat(self, site: Sample, first: Heard) -> None:
        self._terminal.step("The same message again")
        watch = Watch(self._running, site)
        wanted = caused_by(self._publish_again())
        outcome = watch.outcome(wanted, self._terminal, within=_OUTCOME_WITHIN)
        _check_deployed(outcome)
        before, after = first.data["revision"], outcome.data["revision"]
        if outcome.data["changed"] or after != before:
            raise StepFailed(
                f"The same message should change nothing: revision {before} became {after}."
            )
        self._terminal.done(f"nothing changed ({outcome.data['reason']})", f"{after} serves")
        self._terminal.done("fetched from Docker Hub", size(watch.bytes_fetched()))

    def _follow(self, title: str, text: str, wake: Callable[[], str]) -> None:
        """Nobody publishes a message: what *wake* does, and says, is all that comes."""
        self._terminal.step(title)
        moved = static_site(text)
        digest = self._running.stack.hub.push(moved.repository, moved.tag, moved.image)
        self._terminal.done(f"{moved.repository}:{moved.tag} moved", short(digest))
        watch = Watch(self._running, moved)
        self._terminal.done(wake())
        outcome = watch.outcome(_of_index(digest), self._terminal, within=_OUTCOME_WITHIN)
        _check_deployed(outcome)
        fetched = f"{size(watch.bytes_fetched())}, what was new"
        self._terminal.done("fetched from Docker Hub", fetched)
        self._show_site(outcome, expect=text)

    def _pull_through_mirror(self) -> str:
        """As any reader of the mirror may; Artifact Registry writes an audit entry about it."""
        clients.read_through_mirror(self._env, world.IMAGE, account=world.WARMER)
        return "somebody reads the tag through the mirror, which logs it"

    def _tick(self) -> str:
        self._running.stack.scheduler.run(_SWEEP)
        return "Cloud Scheduler ticks, ahead of its ten minutes"

    def _publish_again(self) -> str:
        return clients.publish(self._env, world.DEPLOY, json.dumps(_MESSAGE).encode())


def _told(terminal: Terminal) -> Callable[[Part], None]:
    began = time.monotonic()

    def tell(part: Part) -> None:
        seconds = time.monotonic() - began
        terminal.done(f"{part.name:<18} {part.address:<22}", part.stands_for, seconds=seconds)

    return tell


def _of_index(digest: str) -> Callable[[Heard], bool]:
    return lambda heard: heard.data.get("index_digest") == digest


def _check_deployed(outcome: Heard) -> None:
    if outcome.outcome["type"] == _DEPLOYED:
        return
    raise StepFailed(f"The outcome is {reason(outcome.outcome)}")


def _fetch(url: str, expect: str) -> str:
    """The site once it says *expect*: traffic needs a moment to move."""
    until = time.monotonic() + _SITE_WITHIN
    while True:
        try:
            with urllib.request.urlopen(url, timeout=_SITE_WITHIN) as answer:
                site = answer.read(_SITE_LIMIT).decode(errors="replace")
            problem = f"it does not say {expect!r}"
        except (OSError, urllib.error.URLError) as error:
            site, problem = "", str(error)
        if site and expect in site:
            return str(site)
        if time.monotonic() >= until:
            raise StepFailed(f"The site at {url} is not as it should be: {problem}.")
        time.sleep(0.1)


def _show_log(stack: Running, terminal: Terminal) -> None:
    path = stack.stack.functions["deploy_image"].log
    terminal.say(f"The end of {path}:", "dim")
    for line in tail(path, _LOG_LINES):
        terminal.say(readable(line), "dim")


def _leave(stack: Running, terminal: Terminal) -> None:
    terminal.step("Everything goes on running; Ctrl-C ends it. In a second terminal:")
    terminal.commands(next_commands(stack.folder, stack.page))
