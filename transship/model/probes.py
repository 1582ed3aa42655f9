"""A container's probes in normal form: every default written out, as Cloud Run stores them.

google.cloud.run.v2 Probe; https://docs.cloud.google.com/run/docs/configuring/healthchecks. The
fields are gcloud's options in snake_case: ``httpGet.path`` is ``http_get.path``. A probe without a
port follows the container's.
"""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, structs

_KINDS = ("http_get", "tcp_socket", "grpc")

# 0, like no port at all, is the container's.
Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[int, Meta(ge=1, le=3600)]


class HttpGet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: Annotated[str, Meta(max_length=1000, pattern=r"^/[!-~]*\Z", examples=["/ready"])] = "/"
    port: Port = 0


class TcpSocket(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    port: Port = 0


class Grpc(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    port: Port = 0
    service: Annotated[str, Meta(max_length=255)] = ""


class ContainerProbe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What Cloud Run asks a container; an empty object takes the probe away."""

    http_get: HttpGet | UnsetType = UNSET
    tcp_socket: TcpSocket | UnsetType = UNSET
    grpc: Grpc | UnsetType = UNSET
    initial_delay_seconds: Annotated[int, Meta(ge=0, le=3600)] = 0
    timeout_seconds: Seconds = 1
    period_seconds: Seconds = 10
    failure_threshold: Annotated[int, Meta(ge=1, le=3600)] = 3

    def __post_init__(self) -> None:
        """Raises ValueError, to which the decoder adds where."""
        kinds = [name for name in _KINDS if getattr(self, name) is not UNSET]
        if len(kinds) > 1:
            raise ValueError(f"a probe is one of {', '.join(_KINDS)}, not {' and '.join(kinds)}")
        if not kinds and structs.asdict(self) != _NOTHING:
            raise ValueError(f"a probe without one of {', '.join(_KINDS)} has no other options")
        if self.timeout_seconds > self.period_seconds:
            raise ValueError(
                f"timeout_seconds {self.timeout_seconds} is over period_seconds"
                f" {self.period_seconds}; right is at most that"
            )

    def at(self, container_port: int) -> "ContainerProbe":
        """As Cloud Run stores it for a container that listens at *container_port*."""
        ports: dict[str, Any] = {
            name: structs.replace(kind, port=kind.port or container_port)
            for name in _KINDS
            if (kind := getattr(self, name)) is not UNSET
        }
        probe = structs.replace(self, **ports)
        return NO_PROBE if probe == _default(container_port) else probe


_NOTHING = {field.name: field.default for field in structs.fields(ContainerProbe)}
NO_PROBE = ContainerProbe()


def _default(port: int) -> ContainerProbe:
    """The startup probe that a container has when nobody asked for one."""
    return ContainerProbe(
        tcp_socket=TcpSocket(port=port),
        timeout_seconds=240,
        period_seconds=240,
        failure_threshold=1,
    )
