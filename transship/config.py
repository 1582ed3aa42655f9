"""The settings, read once from a mapping: every variable begins with TRANSSHIP_.

docs/configuration.md is the table for operators. A missing or wrong variable fails at the start,
by name. Those of the local stack are refused where Cloud Run runs us (K_SERVICE).
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self, TypeVar

from transship.errors import TransshipError
from transship.model.mirror import Mirrors, parse_mirrors
from transship.model.naming import is_project, is_region
from transship.model.platform import Platform, parse_platform
from transship.model.policy import Policy
from transship.model.policy_document import parse_policy

_T = TypeVar("_T")

_GIB = 1024**3


class InvalidConfiguration(Exception):
    """A variable is missing or wrong; the message begins with its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """Where the parts of the local stack are; all empty in the cloud.

    *hosts*: production host -> local base URL. *run*, *artifact_registry*: host:port, gRPC without
    TLS. *run_v1*: base URL. *account*: whose local access token is sent.
    """

    hosts: Mapping[str, str] = field(default_factory=dict)
    run: str = ""
    run_v1: str = ""
    artifact_registry: str = ""
    pubsub: str = ""
    ca_file: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """*deadline* in seconds; *upstream_credentials*: registry -> (user name, password)."""

    project: str
    region: str
    mirrors: Mirrors
    policy: Policy
    runtime_account: str
    outcomes_topic: str
    platform: Platform
    max_image_bytes: int
    deadline: int
    upstream_credentials: Mapping[str, tuple[str, str]]
    registry_hosts: tuple[str, ...]
    private_hosts: tuple[str, ...]
    local: Local

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Raises InvalidConfiguration."""
        read = _Reader(env)
        project = read.parsed("PROJECT", _project)
        return cls(
            project=project,
            region=read.parsed("REGION", _region),
            mirrors=read.parsed("MIRRORS", parse_mirrors),
            policy=read.parsed("POLICY", lambda text: parse_policy(text, project=project), "{}"),
            runtime_account=read.parsed("RUNTIME_ACCOUNT", _account),
            outcomes_topic=read.parsed("OUTCOMES_TOPIC", _topic),
            platform=read.parsed("PLATFORM", parse_platform, "linux/amd64"),
            max_image_bytes=read.parsed("MAX_IMAGE_BYTES", _count, str(10 * _GIB)),
            # A push is redelivered after 600 s and a function may run for 540 s: end before both.
            deadline=read.parsed("DEADLINE_SECONDS", _count, "480"),
            upstream_credentials=read.parsed("UPSTREAM_CREDENTIALS", _credentials, "{}"),
            registry_hosts=read.parsed("REGISTRY_HOSTS", _words, ""),
            private_hosts=read.parsed("PRIVATE_HOSTS", _words, ""),
            local=_local(env, read),
        )


class _Reader:
    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def text(self, name: str, default: str | None = None) -> str:
        text = self._env.get(f"TRANSSHIP_{name}", default)
        if text is None:
            raise InvalidConfiguration(f"TRANSSHIP_{name} is not set")
        return text

    def parsed(self, name: str, parse: Callable[[str], _T], default: str | None = None) -> _T:
        text = self.text(name, default)
        try:
            return parse(text)
        except (ValueError, TransshipError) as error:
            raise InvalidConfiguration(f"TRANSSHIP_{name}: {error}") from error


def _project(text: str) -> str:
    if not is_project(text):
        raise ValueError(f"{text!r} is wrong; right is a project's id")
    return text


def _region(text: str) -> str:
    if not is_region(text):
        raise ValueError(f"{text!r} is wrong; right is for example asia-northeast1")
    return text


def _account(text: str) -> str:
    # Empty would mean the default compute account, which often may edit the whole project.
    if not re.fullmatch(r"[a-z0-9.-]+@[a-z0-9.-]+", text):
        raise ValueError(f"{text!r} is wrong; right is a service account's e-mail address")
    return text


def _topic(text: str) -> str:
    if not re.fullmatch(r"projects/[^/]+/topics/[^/]+", text):
        raise ValueError(f"{text!r} is wrong; right is projects/PROJECT/topics/TOPIC")
    return text


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text) or not int(text):
        raise ValueError(f"{text!r} is wrong; right is a whole number above 0")
    return int(text)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _credentials(text: str) -> dict[str, tuple[str, str]]:
    try:
        entries = json.loads(text)
        return {host: (entry["username"], entry["password"]) for host, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        # Not chained: the text is a secret.
        raise ValueError(
            'not credentials; right is {"docker.io": {"username": "…", "password": "…"}}'
        ) from None


def _hosts(text: str) -> dict[str, str]:
    words = [word.partition("=") for word in _words(text)]
    if not all(host and url.startswith("http") for host, _, url in words):
        raise ValueError(f"{text!r} is wrong; right is HOST=URL, with commas between")
    return {host: url for host, _, url in words}


def _local(env: Mapping[str, str], read: _Reader) -> Local:
    named = [name for name in env if name.startswith("TRANSSHIP_LOCAL_") and env[name]]
    if "K_SERVICE" in env and (named or env.get("PUBSUB_EMULATOR_HOST")):
        raise InvalidConfiguration(
            f"{named[0] if named else 'PUBSUB_EMULATOR_HOST'}: settings of the local stack are"
            " refused on Cloud Run"
        )
    return Local(
        hosts=read.parsed("LOCAL_HOSTS", _hosts, ""),
        run=read.text("LOCAL_RUN", ""),
        run_v1=read.text("LOCAL_RUN_V1", ""),
        artifact_registry=read.text("LOCAL_ARTIFACT_REGISTRY", ""),
        pubsub=env.get("PUBSUB_EMULATOR_HOST", ""),
        ca_file=read.text("LOCAL_CA_FILE", ""),
        account=read.text("LOCAL_ACCOUNT", ""),
    )
