"""A deploy seen from outside: what the parts of the stack were asked, and what the function logs.

Nothing is announced before it has happened: each milestone is told once its trace is found.
"""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import world
from local.logbook import Logbook
from local.outcomes import Heard
from local.registry.server import Seen
from local.running import Running
from local.samples import Sample
from local.terminal import Terminal, short, size

_LOOK = 0.03
_PULLED = "image pulled"
_DEFERRED = "event deferred"


def caused_by(event_id: str) -> Callable[[Heard], bool]:
    return lambda heard: heard.data.get("event_id") == event_id


class NoOutcome(Exception):
    """The deadline passed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Milestone:
    """*reached* gives what there is to tell about it, None until then."""

    text: str
    reached: Callable[[], str | None]


class Watch:
    """Made before the message of a deploy of *sample* is published."""

    def __init__(self, running: Running, sample: Sample) -> None:
        self._running = running
        self._sample = sample
        self._began = time.monotonic()
        self._since = running.stack.clock.now()
        self._calls = len(running.stack.run.calls())
        self._containers = running.stack.run.running()
        self._log = Logbook(running.stack.functions["deploy_image"].log)
        self._entries: list[dict[str, Any]] = []
        self._store = running.folder / "mirror" / world.REMOTE
        self._stored = self._bytes_stored()
        self._heard = max((heard.number for heard in running.outcomes.after(0)), default=0)

    def outcome(
        self, wanted: Callable[[Heard], bool], terminal: Terminal, *, within: float
    ) -> Heard:
        """Tell each milestone as it is reached, until the *wanted* outcome. Raises NoOutcome."""
        left = self._milestones()
        until = time.monotonic() + within
        with terminal.progress("from Docker Hub", self._missing()) as progress:
            while True:
                outcome = self._first(wanted)
                self._read_log(terminal)
                progress(self._bytes_stored() - self._stored)
                left = [milestone for milestone in left if not self._told(milestone, terminal)]
                if outcome is not None:
                    terminal.done("the outcome is published", seconds=self._seconds())
                    return outcome
                if time.monotonic() >= until:
                    raise NoOutcome(f"No outcome was published within {within:.0f} s.")
                time.sleep(_LOOK)

    def bytes_fetched(self) -> int:
        """What the mirror has fetched from Docker Hub since."""
        return self._bytes_stored() - self._stored

    def _milestones(self) -> list[Milestone]:
        hub, mirror = self._running.stack.hub, self._running.stack.mirror
        repository, tag = self._sample.repository, self._sample.tag
        manifests = f"/v2/{repository}/manifests"
        mirrored = f"/v2/{world.PROJECT}/{world.REMOTE}/{repository}/manifests"
        digest = short(hub.tags(repository).get(tag, ""))
        return [
            Milestone(
                text=f"Docker Hub says what {tag} is",
                reached=lambda: self._asked(hub.requests, "HEAD", f"{manifests}/{tag}$", digest),
            ),
            Milestone(
                text="the mirror is asked for that digest",
                reached=lambda: self._asked(mirror.requests, "GET", f"{mirrored}/sha256:", ""),
            ),
            Milestone(text="pulled, every blob proved", reached=self._pulled),
            Milestone(
                text="Cloud Run is told",
                reached=lambda: self._called("CreateService", "UpdateService"),
            ),
            Milestone(text="its container answers", reached=self._started),
            Milestone(text="everybody may call it", reached=lambda: self._called("SetIamPolicy")),
        ]

    def _told(self, milestone: Milestone, terminal: Terminal) -> bool:
        detail = milestone.reached()
        if detail is None:
            return False
        terminal.done(milestone.text, detail, seconds=self._seconds())
        return True

    def _asked(self, requests: Any, method: str, path: str, detail: str) -> str | None:
        seen: list[Seen] = list(requests)
        found = any(
            each.time >= self._since and each.method == method and re.search(path, each.path)
            for each in seen
        )
        return detail if found else None

    def _called(self, *methods: str) -> str | None:
        calls = self._running.stack.run.calls()[self._calls :]
        return next((call.method for call in calls if call.method in methods), None)

    def _started(self) -> str | None:
        new = self._running.stack.run.running() - self._containers
        return min(new).rpartition("/")[2] if new else None

    def _pulled(self) -> str | None:
        for entry in self._entries:
            if entry.get("message") == _PULLED:
                return f"{entry['blobs']} blobs, {size(entry['bytes'])} in {entry['seconds']:.2f} s"
        return None

    def _read_log(self, terminal: Terminal) -> None:
        fresh = self._log.new_entries()
        self._entries += fresh
        for entry in fresh:
            if entry.get("message") == _DEFERRED:
                terminal.warn(f"deferred, to be redelivered: {entry.get('reason', '')}")

    def _first(self, wanted: Callable[[Heard], bool]) -> Heard | None:
        return next(filter(wanted, self._running.outcomes.after(self._heard)), None)

    def _missing(self) -> int:
        """How many bytes of the image the mirror has yet to fetch."""
        store = self._running.stack.mirror.remote(world.REMOTE).store
        return sum(
            bytes_
            for digest, bytes_ in self._sample.blobs.items()
            if not store.blob_path(digest).exists()
        )

    def _bytes_stored(self) -> int:
        """Uploads under way count: that is how bytes are seen to flow."""
        return sum(_sizes(self._store / "blobs" / "sha256")) + sum(_sizes(self._store / "uploads"))

    def _seconds(self) -> float:
        return time.monotonic() - self._began


def _sizes(folder: Path) -> list[int]:
    sizes = []
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            with suppress(FileNotFoundError):  # an upload was finished meanwhile
                sizes.append(path.stat().st_size)
    return sizes
