"""A message's flags as settings: every value in the one form in which it is compared.

What one flag's value must be is the message's type to say, or its noun's; here are those rules that
concern several flags.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from transship.errors import InvalidEvent, PermanentError
from transship.model.naming import ServiceName
from transship.model.network import connector_name, network_name, subnet_name
from transship.model.quantity import parse_cpu, parse_duration, parse_memory
from transship.model.run_flags import RunFlags
from transship.model.secrets import secrets_of, variables
from transship.model.settings import Settings, pairs
from transship.model.volumes import cloud_sql_instance, volumes_of

T = TypeVar("T")
D = TypeVar("D")

_FORMS: Mapping[str, Callable[[Any, ServiceName], Any]] = {
    "args": lambda value, _: tuple(value),
    "cloudsql_instances": lambda value, service: tuple(
        sorted(
            {
                cloud_sql_instance(text, project=service.project, region=service.region)
                for text in value
            }
        )
    ),
    "command": lambda value, _: tuple(value),
    "cpu": lambda value, _: parse_cpu(str(value)),
    "env_vars": lambda value, _: pairs(value),
    "labels": lambda value, _: pairs(value),
    "memory": lambda value, _: parse_memory(value),
    "network": lambda value, service: network_name(value, project=service.project),
    "network_tags": lambda value, _: tuple(sorted(set(value))),
    "secrets": lambda value, service: secrets_of(value, project=service.project),
    "subnet": lambda value, service: subnet_name(
        value, project=service.project, region=service.region
    ),
    "timeout": lambda value, _: parse_duration(str(value)),
    "volumes": lambda value, _: volumes_of(value),
    "vpc_connector": lambda value, service: connector_name(
        value, project=service.project, region=service.region
    ),
}


def settings_in(flags: RunFlags, service: ServiceName) -> Settings:
    """What *flags* name of *service*. Raises InvalidEvent, which names the field."""
    _check(flags)
    implied = _implied(flags)
    named = {}
    for name in Settings.__struct_fields__:
        value = getattr(flags, name)
        if value is not UNSET and name not in implied:
            form = _FORMS.get(name)
            with at(name):
                named[name] = form(value, service) if form else value
    return Settings(**named)


def or_else(value: T | UnsetType, default: D) -> T | D:
    return default if isinstance(value, UnsetType) else value


@contextmanager
def at(field: str) -> Iterator[None]:
    """Say where a value stands when a noun refuses it."""
    try:
        yield
    except (PermanentError, ValueError) as error:
        raise InvalidEvent(f"{error} - at `$.{field}`") from error


def _implied(flags: RunFlags) -> set[str]:
    """Who joins a network leaves the other way to one, and need not say so.

    Nor is it done apart: to leave first would forget what goes through the network.
    """
    if or_else(flags.vpc_connector, ""):
        return {"network", "subnet"}
    if or_else(flags.network, "") or or_else(flags.subnet, ""):
        return {"vpc_connector"}
    return set()


def _check(flags: RunFlags) -> None:
    for key in or_else(flags.labels, {}):
        if key.startswith("transship-"):
            raise InvalidEvent(f"{key!r} is transship's own - at `$.labels`")
    for least, most in (("min_instances", "max_instances"), ("min", "max")):
        minimum, maximum = or_else(getattr(flags, least), 0), or_else(getattr(flags, most), None)
        if maximum is not None and minimum > maximum:
            raise InvalidEvent(f"{minimum} is over {most}, {maximum} - at `$.{least}`")
    for field in ("env_vars", "secrets"):
        _replaces_alone(flags, field)
    _share_no_name(flags)
    if or_else(flags.vpc_connector, "") and (
        or_else(flags.network, "") or or_else(flags.subnet, "")
    ):
        raise InvalidEvent(
            "a service sends through a connector or into a subnet; right is one of vpc_connector"
            " and network with subnet - at `$.vpc_connector`"
        )
    if flags.allow_unauthenticated is False and flags.invoker_iam_check is False:
        raise InvalidEvent(
            "without the check everybody may invoke the service, which allow_unauthenticated:"
            " false denies - at `$.invoker_iam_check`"
        )
    if or_else(flags.breakglass, "") and flags.binary_authorization == "":
        raise InvalidEvent(
            "there is nothing to pass by where binary_authorization is off - at `$.breakglass`"
        )


def _replaces_alone(flags: RunFlags, field: str) -> None:
    others = [f"update_{field}", f"remove_{field}"]
    if getattr(flags, field) is not UNSET and any(
        getattr(flags, other) is not UNSET for other in others
    ):
        raise InvalidEvent(
            f"{field} replaces and goes without {' and '.join(others)} - at `$.{field}`"
        )


def _share_no_name(flags: RunFlags) -> None:
    """A variable is a secret or is none; gcloud refuses to make one the other at all."""
    plain = or_else(flags.env_vars, {}) | or_else(flags.update_env_vars, {})
    secret = or_else(flags.secrets, {}) | or_else(flags.update_secrets, {})
    if both := sorted(plain.keys() & variables(pairs(secret)).keys()):
        field = "update_secrets" if flags.secrets is UNSET else "secrets"
        raise InvalidEvent(
            f"{both[0]!r} is also among the environment variables; right is one of the two"
            f" - at `$.{field}`"
        )
