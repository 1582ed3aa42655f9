"""A deploy request in the nouns of the field: parsed once, at the edge."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct, UnsetType
from msgspec.structs import replace

from transship.errors import InvalidEvent
from transship.model.digest import Digest
from transship.model.gate import Gate
from transship.model.messages import DeployRequest
from transship.model.mirror import Mirrors
from transship.model.naming import ServiceName, default_service
from transship.model.normal_form import at, or_else, settings_in
from transship.model.reference import Reference, parse_reference
from transship.model.rules import DEFAULT_RULES, Rules
from transship.model.secrets import secrets_of
from transship.model.settings import NEW_SERVICE, Settings

# Clocks of publishers differ; a request from the future would shut out every later one.
_CLOCK_SKEW = timedelta(minutes=5)


class Condition(Struct, frozen=True, kw_only=True):
    """What an automatic deploy was decided from; *runs* None: nothing that has a digest."""

    tracks: Reference
    runs: Digest | None
    moved_to: Digest


class Deploy(Struct, frozen=True, kw_only=True):
    """*image* is at the upstream, whatever spelling the message had; *public* None: not asked.

    *settings* are those that the message names, *defaults* what a new service has otherwise.
    *is_named*: the message says which service; else it is called after the image.
    """

    event_id: str
    requested_at: datetime
    image: Reference
    service: ServiceName
    is_named: bool = True
    settings: Settings
    defaults: Settings
    update_env_vars: Mapping[str, str]
    remove_env_vars: frozenset[str]
    update_secrets: Mapping[str, str] = msgspec.field(default_factory=dict)
    remove_secrets: frozenset[str] = frozenset()
    public: bool | None = None
    track: bool = True
    adopt: bool = False
    dry_run: bool = False
    strategy: str | None = None
    gate: Gate | None = None
    # Empty: the one that serves requests.
    container: str = ""
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
    with at("image"):
        image = mirrors.upstream_of(parse_reference(message.image))
    with at("service"):
        service = ServiceName(
            project=or_else(message.project, project),
            region=or_else(message.region, region),
            service=or_else(message.service, default_service(image)),
        )
    requested_at = or_else(message.requested_at, published_at)
    if requested_at > published_at + _CLOCK_SKEW:
        raise InvalidEvent(
            f"{requested_at.isoformat()} is later than the message, which was published at"
            f" {published_at.isoformat()} - at `$.requested_at`"
        )
    with at("update_secrets"):
        update_secrets = secrets_of(or_else(message.update_secrets, {}), project=service.project)
    settings = settings_in(message, service)
    public = or_else(message.allow_unauthenticated, None)
    if message.container and (settings.named() or public is not None):
        names = ", ".join(settings.named()) or "allow_unauthenticated"
        raise InvalidEvent(
            f"{names}: settings are named without a container, as those of the one that serves;"
            " right with one is its image alone - at `$.container`"
        )
    return Deploy(
        event_id=event_id,
        requested_at=requested_at,
        image=image,
        service=service,
        is_named=bool(message.service),
        settings=settings,
        defaults=replace(
            NEW_SERVICE, service_account=runtime_account.replace("{project}", service.project)
        ),
        update_env_vars=or_else(message.update_env_vars, {}),
        remove_env_vars=frozenset(or_else(message.remove_env_vars, [])),
        update_secrets=dict(update_secrets),
        remove_secrets=frozenset(or_else(message.remove_secrets, [])),
        public=public,
        track=message.track,
        adopt=message.adopt,
        dry_run=message.dry_run,
        strategy=or_else(message.strategy, None),
        gate=or_else(message.probe, None),
        container=message.container,
        only_if=_condition(message, image),
        rules=rules,
    )


def _condition(message: DeployRequest, image: Reference) -> Condition | None:
    if isinstance(message.only_if, UnsetType):
        return None
    if image.digest is None:
        raise InvalidEvent("a deploy with only_if names a digest - at `$.image`")
    with at("only_if.tracks"):
        tracks = parse_reference(message.only_if.tracks)
    with at("only_if.runs"):
        runs = Digest(message.only_if.runs) if message.only_if.runs else None
    return Condition(tracks=tracks, runs=runs, moved_to=image.digest)
