"""What a person may do to the running stack that no client of the cloud can do."""

import re
import threading
from collections.abc import Callable

from local import world
from local.chosen import PAUSED
from local.functions import Function
from local.registry.faults import pull_limit
from local.samples import site
from local.stack import Stack

_HUB = "docker.io/"
_REPOSITORY = re.compile(r"[a-z0-9]+(?:[._/-][a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*", re.ASCII)
_TEXT_LIMIT = 10_000
_LONGEST = 30 * 24 * 3600
# Those whose decisions the setting is part of, as infra/functions.tf gives it to them.
_PAUSED = ("deploy_image", "refresh_services", "warm_mirror")


class Wrong(ValueError):
    """What was asked for cannot be; the message says what would be right."""


class Absent(LookupError):
    """What was named well is not there."""


class Switches:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._lock = threading.Lock()
        self._down: set[str] = set()
        self._limited = False

    def push(self, image: str, text: str) -> dict[str, str]:
        """Build a sample site that says *text*, and let the tag point to it."""
        repository, tag = named(image)
        if len(text) > _TEXT_LIMIT:
            raise Wrong(f"text: at most {_TEXT_LIMIT} characters")
        before = self._stack.hub.tags(repository).get(tag, "")
        sample = site(repository, text, tag)
        digest = self._stack.hub.push(repository, tag, sample.image)
        return {"image": f"{repository}:{tag}", "digest": digest, "before": before}

    def tags(self, image: str) -> dict[str, str]:
        repository, _ = named(image)
        return self._stack.hub.tags(repository)

    def delete_tag(self, image: str) -> None:
        repository, tag = named(image)
        try:
            self._stack.hub.delete_tag(repository, tag)
        except LookupError as error:
            raise Absent(f"image: {error} on the local Docker Hub") from error

    def limit(self, *, on: bool) -> None:
        """Whether Docker Hub answers pulls by 429, whatever is left of the account's quota."""
        with self._lock:
            if on is self._limited:
                return
            if on:
                self._stack.hub.faults.add(pull_limit())
            else:
                self._stack.hub.faults.clear()
            self._limited = on

    def pause(self, *, on: bool) -> None:
        """Whether automatic deploys are paused: a setting, so that its readers start anew with it.

        What is published meanwhile is delivered again.
        """
        with self._lock:
            paused = [self._stack.functions[name] for name in _PAUSED]
            for each in paused:
                each.settings[PAUSED] = str(on).lower()
            affected = [each for each in paused if each.target not in self._down]
            for act in (Function.stop, Function.start, Function.wait):
                for each in affected:
                    act(each)

    def advance(self, seconds: float) -> str:
        if not 0 < seconds <= _LONGEST:
            raise Wrong("seconds: more than 0, and at most 30 days")
        self._stack.clock.advance(seconds)
        return self._stack.clock.now().isoformat(timespec="seconds")

    def set_part(self, name: str, *, up: bool) -> None:
        with self._lock:
            parts = self._parts()
            if name not in parts:
                raise Wrong(f"part: no {name!r}; right is one of {', '.join(parts)}")
            if up is (name not in self._down):
                return
            start, stop = parts[name]
            if up:
                start()
                self._down.discard(name)
            else:
                stop()
                self._down.add(name)

    def page(self, email: str) -> dict[str, str]:
        """Where the page is for whom *email* names, and what they may do there."""
        if not _EMAIL.fullmatch(email):
            raise Wrong(f"as: {email!r} is no e-mail address; right is for example {world.VIEWER}")
        rights = {world.OPERATOR: "may steer", world.VIEWER: "may look"}
        return {
            "url": self._stack.front_door.door(email),
            "rights": rights.get(email, "is on no list"),
        }

    def state(self) -> dict[str, object]:
        stack = self._stack
        return {
            "clock": stack.clock.now().isoformat(timespec="seconds"),
            "down": sorted(self._down),
            "limit": self._limited,
            "parts": [
                {"name": part.name, "address": part.address, "stands_for": part.stands_for}
                for part in stack.parts
            ],
        }

    def _parts(self) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
        """How each part is started and stopped; it keeps its port."""
        stack = self._stack
        return {
            "hub": (stack.hub.accept_connections, stack.hub.refuse_connections),
            "mirror": (stack.mirror.accept_connections, stack.mirror.refuse_connections),
            **{name: (each.start, each.stop) for name, each in stack.functions.items()},
        }


def named(image: str) -> tuple[str, str]:
    """
    >>> named("dockersamples/static-site"), named("docker.io/hello:2")
    (('dockersamples/static-site', 'latest'), ('library/hello', '2'))
    """
    name, colon, tag = image.removeprefix(_HUB).partition(":")
    # Docker's rule: a first component with a dot is another registry's host.
    elsewhere = "/" in name and "." in name.partition("/")[0]
    right = _REPOSITORY.fullmatch(name) and _TAG.fullmatch(tag if colon else "latest")
    if elsewhere or not right:
        raise Wrong(
            f"image: {image!r} is not a Docker Hub image with a tag;"
            " right is for example dockersamples/static-site:latest"
        )
    return (name if "/" in name else f"library/{name}"), tag or "latest"
