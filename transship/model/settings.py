"""What a request may say about how a service runs, in normal form.

Cloud Run normalises what it is given ("1" is stored as "1000m"), so values are compared only in
the form that this module's types fix; a naive comparison would make a revision per message.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Self

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from transship.model.probes import ContainerProbe
from transship.model.volumes import Volumes

Pairs = tuple[tuple[str, str], ...]


def pairs(mapping: Mapping[str, str]) -> Pairs:
    """*mapping* in an order of its own, so that two spellings of it are equal."""
    return tuple(sorted(mapping.items()))


class Settings(Struct, frozen=True, kw_only=True):
    """Named after gcloud's flags; None means "not named", which is not "empty".

    ``cpu`` in millicpus, ``memory`` in bytes, ``timeout`` in seconds. A text that is empty, and a
    probe without a kind, clear. ``secrets`` are those of variables and of files.
    """

    args: tuple[str, ...] | None = None
    binary_authorization: str | None = None
    breakglass: str | None = None
    cloudsql_instances: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    concurrency: int | None = None
    cpu: int | None = None
    cpu_boost: bool | None = None
    cpu_throttling: bool | None = None
    default_url: bool | None = None
    description: str | None = None
    env_vars: Pairs | None = None
    execution_environment: str | None = None
    gpu: int | None = None
    gpu_type: str | None = None
    gpu_zonal_redundancy: bool | None = None
    ingress: str | None = None
    invoker_iam_check: bool | None = None
    labels: Pairs | None = None
    liveness_probe: ContainerProbe | None = None
    max: int | None = None
    max_instances: int | None = None
    memory: int | None = None
    min: int | None = None
    min_instances: int | None = None
    network: str | None = None
    network_tags: tuple[str, ...] | None = None
    port: int | None = None
    readiness_probe: ContainerProbe | None = None
    scaling: int | str | None = None
    secrets: Pairs | None = None
    service_account: str | None = None
    session_affinity: bool | None = None
    startup_probe: ContainerProbe | None = None
    subnet: str | None = None
    timeout: int | None = None
    use_http2: bool | None = None
    volumes: Volumes | None = None
    vpc_connector: str | None = None
    vpc_egress: str | None = None

    def named(self) -> dict[str, Any]:
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: value for name, value in values if value is not None}

    def over(self, other: Self) -> Self:
        """These settings, and *other*'s where these name nothing."""
        return replace(other, **self.named())

    def differences(self, current: Self) -> list[str]:
        """The names of the settings that *current* has otherwise."""
        port = self.port or current.port or 0
        return [
            name
            for name, value in self.named().items()
            if not same(value, getattr(current, name), port=port)
        ]

    def fingerprint(self) -> str:
        """16 hex digits that change when what is asked for changes."""
        text = json.dumps(
            self.named(), sort_keys=True, separators=(",", ":"), default=msgspec.to_builtins
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def same(wanted: Any, current: Any, *, port: int) -> bool:
    """Whether the value *current* is what is wanted of a container that listens at *port*."""
    if isinstance(wanted, ContainerProbe):
        wanted = wanted.at(port)
    return bool(wanted == current)


# A public image that nobody here has run before: little, and none of it when nobody calls.
NEW_SERVICE = Settings(max_instances=5, min_instances=0)
