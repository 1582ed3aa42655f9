"""The settings, read once from a mapping: every variable begins with TRANSSHIP_.

docs/configuration.md is the table for operators. A missing or wrong variable fails at the start,
by name. Those of the local stack are refused where Cloud Run runs us (K_SERVICE).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Self

import msgspec
from msgspec import Struct

from transship import variables
from transship.model.destination import Destination, parse_destinations
from transship.model.mirror import Mirrors, parse_mirrors
from transship.model.people import People
from transship.model.platform import Platform, parse_platform
from transship.model.policy import Policy, admit_image
from transship.model.policy_document import parse_policy
from transship.model.reference import Reference
from transship.model.rules import Rules
from transship.variables import InvalidConfiguration, Reader

__all__ = ["REQUIRED", "Config", "Door", "InvalidConfiguration", "Local"]

_GIB = 1024**3


class Local(Struct, frozen=True, kw_only=True):
    """Where the parts of the local stack are; all empty in the cloud.

    *hosts*: production host -> local base URL. *run*, *artifact_registry*: host:port, gRPC without
    TLS. *run_v1*: base URL. *account*: whose local access token is sent.
    """

    hosts: Mapping[str, str] = msgspec.field(default_factory=dict)
    run: str = ""
    run_v1: str = ""
    artifact_registry: str = ""
    pubsub: str = ""
    ca_file: str = ""
    account: str = ""


# What a function cannot do without, beside the settings that all need.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "deploy_image": ("OUTCOMES_TOPIC", "RUNTIME_ACCOUNT"),
    "refresh_services": ("OUTCOMES_TOPIC", "REDEPLOY_TOPIC", "WARM_TOPIC"),
    "warm_mirror": ("OUTCOMES_TOPIC", "REDEPLOY_TOPIC", "WARM_TOPIC"),
    "bury": ("OUTCOMES_TOPIC",),
    "advance_rollouts": ("OUTCOMES_TOPIC", "REDEPLOY_TOPIC"),
    "docker_hub_webhook": ("HINTS_TOPIC", "WEBHOOK_SECRETS"),
    "forward_hints": ("HINTS_TOPIC", "OUTCOMES_TOPIC"),
    "console": ("CONSOLE_AUTH", "CONSOLE_KEYS", "DEAD_LETTER_TOPIC", "DEPLOY_TOPIC"),
    "notify": ("NOTICES_TOPIC", "NOTIFY"),
}


class Door(Struct, frozen=True, kw_only=True):
    """Who may come to the page, and how it is known who comes.

    *auth* is ``iap`` or ``iam``, empty where there is no page. *audience* is IAP's; *keys* sign the
    page's forms; *service* is the page's own on Cloud Run, empty where nobody has named it.
    """

    auth: str = ""
    audience: str = ""
    people: People = msgspec.field(default_factory=People)
    keys: tuple[str, ...] = ()
    service: str = ""

    def __repr__(self) -> str:
        # Its keys are a secret.
        return f"Door({self.auth!r})"


class Config(Struct, frozen=True, kw_only=True):
    """*deadline* in seconds; *upstream_credentials*: registry -> (user name, password).

    *tick* is how often Cloud Scheduler has the tags looked at; *upstream_rate* how many requests a
    second a registry gets, 0 for no limit; *quota_floor* how many pulls are kept for deploys.
    """

    project: str
    region: str
    mirrors: Mirrors
    policy: Policy
    runtime_account: str
    outcomes_topic: str
    redeploy_topic: str
    hints_topic: str
    warm_topic: str
    progress_topic: str
    deploy_topic: str
    dead_letter_topic: str
    notices_topic: str
    ignored_principals: frozenset[str]
    webhook_secrets: tuple[str, ...]
    rules: Rules
    keep_warm: tuple[Reference, ...]
    quota_floor: int
    upstream_rate: float
    tick: timedelta
    platform: Platform
    max_image_bytes: int
    deadline: int
    upstream_credentials: Mapping[str, tuple[str, str]]
    registry_hosts: tuple[str, ...]
    private_hosts: tuple[str, ...]
    door: Door
    notify: tuple[Destination, ...]
    local: Local

    def __repr__(self) -> str:
        # There are secrets among them.
        return f"Config({self.project!r})"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Raises InvalidConfiguration."""
        read = Reader(env)
        for name in REQUIRED.get(env.get("FUNCTION_TARGET", ""), ()):
            read.text(name)
        project = read.parsed("PROJECT", variables.project)
        mirrors = read.parsed("MIRRORS", parse_mirrors)
        policy = read.parsed("POLICY", lambda text: parse_policy(text, project=project), "{}")
        return cls(
            project=project,
            region=read.parsed("REGION", variables.region),
            mirrors=mirrors,
            policy=policy,
            runtime_account=read.optional("RUNTIME_ACCOUNT", variables.account),
            outcomes_topic=read.optional("OUTCOMES_TOPIC", variables.topic),
            redeploy_topic=read.optional("REDEPLOY_TOPIC", variables.topic),
            hints_topic=read.optional("HINTS_TOPIC", variables.topic),
            warm_topic=read.optional("WARM_TOPIC", variables.topic),
            progress_topic=read.optional("PROGRESS_TOPIC", variables.topic),
            deploy_topic=read.optional("DEPLOY_TOPIC", variables.topic),
            dead_letter_topic=read.optional("DEAD_LETTER_TOPIC", variables.topic),
            notices_topic=read.optional("NOTICES_TOPIC", variables.topic),
            ignored_principals=frozenset(read.parsed("IGNORED_PRINCIPALS", variables.words, "")),
            webhook_secrets=read.parsed("WEBHOOK_SECRETS", variables.secrets, ""),
            rules=Rules(
                paused=read.parsed("PAUSED", variables.switch, "false"),
                pace=read.parsed("DEPLOYS_PER_HOUR", variables.count, "6"),
            ),
            keep_warm=read.parsed("KEEP_WARM", lambda text: _keep_warm(text, mirrors, policy), ""),
            quota_floor=read.parsed("QUOTA_FLOOR", variables.amount, "20"),
            upstream_rate=read.parsed("UPSTREAM_RATE", variables.rate, "5"),
            tick=timedelta(seconds=read.parsed("TICK_SECONDS", variables.count, "600")),
            platform=read.parsed("PLATFORM", parse_platform, "linux/amd64"),
            max_image_bytes=read.parsed("MAX_IMAGE_BYTES", variables.count, str(10 * _GIB)),
            # A push is redelivered after 600 s and a function may run for 540 s: end before both.
            deadline=read.parsed("DEADLINE_SECONDS", variables.count, "480"),
            upstream_credentials=read.parsed("UPSTREAM_CREDENTIALS", variables.credentials, "{}"),
            registry_hosts=read.parsed("REGISTRY_HOSTS", variables.words, ""),
            private_hosts=read.parsed("PRIVATE_HOSTS", variables.words, ""),
            door=_door(env, read),
            notify=read.parsed("NOTIFY", parse_destinations, "[]"),
            local=_local(env, read),
        )


def _keep_warm(text: str, mirrors: Mirrors, policy: Policy) -> tuple[Reference, ...]:
    """Tags that can be kept warm: allowed, and served by a mirror."""
    tags = tuple(mirrors.upstream_of(tag) for tag in variables.tags(text))
    for tag in tags:
        admit_image(policy, tag)
        mirrors.for_upstream(tag)
    return tags


def _door(env: Mapping[str, str], read: Reader) -> Door:
    auth = read.parsed("CONSOLE_AUTH", variables.door, "") if read.text("CONSOLE_AUTH", "") else ""
    if auth == "iap":
        # Without it, an assertion for any other application would do.
        read.text("CONSOLE_AUDIENCE")
    return Door(
        auth=auth,
        audience=read.text("CONSOLE_AUDIENCE", ""),
        people=People(
            viewers=read.parsed("CONSOLE_VIEWERS", variables.people, ""),
            operators=read.parsed("CONSOLE_OPERATORS", variables.people, ""),
        ),
        keys=read.parsed("CONSOLE_KEYS", variables.secrets, ""),
        # https://cloud.google.com/run/docs/container-contract#services-env-vars
        service=env.get("K_SERVICE", ""),
    )


def _local(env: Mapping[str, str], read: Reader) -> Local:
    named = [name for name in env if name.startswith("TRANSSHIP_LOCAL_") and env[name]]
    if "K_SERVICE" in env and (named or env.get("PUBSUB_EMULATOR_HOST")):
        raise InvalidConfiguration(
            f"{named[0] if named else 'PUBSUB_EMULATOR_HOST'}: settings of the local stack are"
            " refused on Cloud Run"
        )
    return Local(
        hosts=read.parsed("LOCAL_HOSTS", variables.hosts, ""),
        run=read.text("LOCAL_RUN", ""),
        run_v1=read.text("LOCAL_RUN_V1", ""),
        artifact_registry=read.text("LOCAL_ARTIFACT_REGISTRY", ""),
        pubsub=env.get("PUBSUB_EMULATOR_HOST", ""),
        ca_file=read.text("LOCAL_CA_FILE", ""),
        account=read.text("LOCAL_ACCOUNT", ""),
    )
