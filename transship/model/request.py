"""A deploy request in the nouns of the field: parsed once, at the edge."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec import UNSET, UnsetType

from transship.errors import InvalidEvent, PermanentError
from transship.model.digest import Digest
from transship.model.follow import DEFAULT_RULES, Rules
from transship.model.gate import Gate
from transship.model.messages import DeployRequest
from transship.model.mirror import Mirrors
from transship.model.naming import ServiceName, default_service
from transship.model.quantity import parse_cpu, parse_duration, parse_memory
from transship.model.reference import Reference, parse_reference
from transship.model.settings import NEW_SERVICE, Settings, pairs

T = TypeVar("T")
D = TypeVar("D")

# Clocks of publishers differ; a request from the future would shut out every later one.
_CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What an automatic deploy was decided from; *runs* None: nothing that has a digest."""

    tracks: Reference
    runs: Digest | None
    moved_to: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """*image* is at the upstream, whatever spelling the message had; *public* None: not asked.

    *settings* are those that the message names, *defaults* what a new service has otherwise.
    """

    event_id: str
    requested_at: datetime
    image: Reference
    service: ServiceName
    settings: Settings
    defaults: Settings
    update_env_vars: Mapping[str, str]
    remove_env_vars: frozenset[str]
    public: bool | None = None
    track: bool = True
    adopt: bool = False
    dry_run: bool = False
    strategy: str | None = None
    gate: Gate | None = None
    only_if: Condition | None = None
    rules: Rules = DEFAULT_RULES


def deploy_of(
    message: DeployRequest,
    *,
    event_id: str,
    published_at: datetime,
    project: str,
    region: str,
    runtime_account: str,
    mirrors: Mirrors,
    rules: Rules = DEFAULT_RULES,
) -> Deploy:
    """The request that *message* makes; *project* and *region* where it names none.

    *runtime_account* of a new service may say ``{project}``: organisations forbid accounts of
    another project.

    Raises InvalidEvent, which names the field.
    """
    with _at("image"):
        image = mirrors.upstream_of(parse_reference(message.image))
    with _at("service"):
        service = ServiceName(
            project=_or(message.project, project),
            region=_or(message.region, region),
            service=_or(message.service, default_service(image)),
        )
    requested_at = _or(message.requested_at, published_at)
    if requested_at > published_at + _CLOCK_SKEW:
        raise InvalidEvent(
            f"{requested_at.isoformat()} is later than the message, which was published at"
            f" {published_at.isoformat()} - at `$.requested_at`"
        )
    if message.env_vars is not UNSET and (
        message.update_env_vars is not UNSET or message.remove_env_vars is not UNSET
    ):
        raise InvalidEvent(
            "env_vars replaces and goes without update_env_vars and remove_env_vars"
            " - at `$.env_vars`"
        )
    return Deploy(
        event_id=event_id,
        requested_at=requested_at,
        image=image,
        service=service,
        settings=_settings(message),
        defaults=replace(
            NEW_SERVICE, service_account=runtime_account.replace("{project}", service.project)
        ),
        update_env_vars=_or(message.update_env_vars, {}),
        remove_env_vars=frozenset(_or(message.remove_env_vars, [])),
        public=_or(message.allow_unauthenticated, None),
        track=message.track,
        adopt=message.adopt,
        dry_run=message.dry_run,
        strategy=_or(message.strategy, None),
        gate=_or(message.probe, None),
        only_if=_condition(message, image),
        rules=rules,
    )


def _condition(message: DeployRequest, image: Reference) -> Condition | None:
    if isinstance(message.only_if, UnsetType):
        return None
    if image.digest is None:
        raise InvalidEvent("a deploy with only_if names a digest - at `$.image`")
    with _at("only_if.tracks"):
        tracks = parse_reference(message.only_if.tracks)
    with _at("only_if.runs"):
        runs = Digest(message.only_if.runs) if message.only_if.runs else None
    return Condition(tracks=tracks, runs=runs, moved_to=image.digest)


def _settings(message: DeployRequest) -> Settings:
    for key in _or(message.labels, {}):
        if key.startswith("transship-"):
            raise InvalidEvent(f"{key!r} is transship's own - at `$.labels`")
    with _at("cpu"):
        cpu = None if message.cpu is UNSET else parse_cpu(str(message.cpu))
    with _at("memory"):
        memory = None if message.memory is UNSET else parse_memory(message.memory)
    with _at("timeout"):
        timeout = None if message.timeout is UNSET else parse_duration(str(message.timeout))
    minimum, maximum = _or(message.min_instances, 0), _or(message.max_instances, None)
    if maximum is not None and minimum > maximum:
        raise InvalidEvent(f"{minimum} is over max_instances, {maximum} - at `$.min_instances`")
    return Settings(
        args=_tuple(message.args),
        command=_tuple(message.command),
        concurrency=_or(message.concurrency, None),
        cpu=cpu,
        env_vars=None if message.env_vars is UNSET else pairs(message.env_vars),
        ingress=_or(message.ingress, None),
        labels=None if message.labels is UNSET else pairs(message.labels),
        max_instances=_or(message.max_instances, None),
        memory=memory,
        min_instances=_or(message.min_instances, None),
        port=_or(message.port, None),
        service_account=_or(message.service_account, None),
        timeout=timeout,
    )


def _or(value: T | UnsetType, default: D) -> T | D:
    return default if isinstance(value, UnsetType) else value


def _tuple(value: list[str] | UnsetType) -> tuple[str, ...] | None:
    return None if isinstance(value, UnsetType) else tuple(value)


@contextmanager
def _at(field: str) -> Iterator[None]:
    """Say where a value stands when a noun refuses it."""
    try:
        yield
    except (PermanentError, ValueError) as error:
        raise InvalidEvent(f"{error} - at `$.{field}`") from error
