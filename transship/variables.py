"""What the text of a variable means: parsed once, and refused by name and with what is right."""

import json
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from transship.errors import TransshipError
from transship.model.naming import is_project, is_region
from transship.model.people import parse_people
from transship.model.reference import Reference, parse_reference

_T = TypeVar("_T")

_SECRETS = 2
_SECRET = re.compile(r"[A-Za-z0-9_-]{20,200}")


class InvalidConfiguration(Exception):
    """A variable is missing or wrong; the message begins with its name."""


class Reader:
    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def text(self, name: str, default: str | None = None) -> str:
        """Empty is not set: an empty account would be the default one, which may edit a project."""
        text = self._env.get(f"TRANSSHIP_{name}") or default
        if text is None:
            raise InvalidConfiguration(f"TRANSSHIP_{name} is not set")
        return text

    def parsed(self, name: str, parse: Callable[[str], _T], default: str | None = None) -> _T:
        text = self.text(name, default)
        try:
            return parse(text)
        except (ValueError, TransshipError) as error:
            raise InvalidConfiguration(f"TRANSSHIP_{name}: {error}") from error

    def optional(self, name: str, parse: Callable[[str], str]) -> str:
        """Empty where it is not set: who needs it is checked by function (config.REQUIRED)."""
        return self.parsed(name, parse, "") if self.text(name, "") else ""


def project(text: str) -> str:
    if not is_project(text):
        raise ValueError(f"{text!r} is wrong; right is a project's id")
    return text


def region(text: str) -> str:
    if not is_region(text):
        raise ValueError(f"{text!r} is wrong; right is for example asia-northeast1")
    return text


def account(text: str) -> str:
    # {project} stands for the project of the service.
    if not re.fullmatch(r"[a-z0-9.-]+@[a-z0-9.-]+", text.replace("{project}", "p")):
        raise ValueError(f"{text!r} is wrong; right is a service account's e-mail address")
    return text


def topic(text: str) -> str:
    if not re.fullmatch(r"projects/[^/]+/topics/[^/]+", text):
        raise ValueError(f"{text!r} is wrong; right is projects/PROJECT/topics/TOPIC")
    return text


def count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text) or not int(text):
        raise ValueError(f"{text!r} is wrong; right is a whole number above 0")
    return int(text)


def words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def credentials(text: str) -> dict[str, tuple[str, str]]:
    try:
        entries = json.loads(text)
        return {host: (entry["username"], entry["password"]) for host, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        # Not chained: the text is a secret.
        raise ValueError(
            'not credentials; right is {"docker.io": {"username": "…", "password": "…"}}'
        ) from None


def hosts(text: str) -> dict[str, str]:
    entries = [word.partition("=") for word in words(text)]
    if not all(host and url.startswith("http") for host, _, url in entries):
        raise ValueError(f"{text!r} is wrong; right is HOST=URL, with commas between")
    return {host: url for host, _, url in entries}


def tags(text: str) -> tuple[Reference, ...]:
    """References that can move, in canonical form."""
    references = tuple(parse_reference(word) for word in words(text))
    for reference in references:
        if reference.tag is None or reference.digest is not None:
            raise ValueError(f"{reference} cannot move; right is a tag")
    return references


def secrets(text: str) -> tuple[str, ...]:
    """One, or two while they are exchanged; they stand in a URL and are all that protects it."""
    found = words(text)
    if len(found) > _SECRETS or not all(_SECRET.fullmatch(secret) for secret in found):
        # The text is a secret.
        raise ValueError("right are one or two secrets of 20 to 200 letters, digits, - and _")
    return found


def switch(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(f"{text!r} is wrong; right is true or false")
    return text == "true"


def door(text: str) -> str:
    if text not in {"iap", "iam"}:
        raise ValueError(f"{text!r} is wrong; right is iap or iam")
    return text


def people(text: str) -> frozenset[str]:
    """E-mail addresses and domains."""
    return parse_people(words(text))


def amount(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise ValueError(f"{text!r} is wrong; right is a whole number")
    return int(text)


def rate(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,6})?", text):
        raise ValueError(f"{text!r} is wrong; right is a number a second, 0 for no limit")
    return float(text)
