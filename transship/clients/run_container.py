"""The settings of the container that serves: what it runs, with which resources, at which port."""

from collections.abc import Callable
from typing import Any

from google.cloud import run_v2

from transship.clients.run_setting import Read, Setting, Write, container_port, serving_container
from transship.model.quantity import format_cpu, format_memory, parse_cpu, parse_memory
from transship.model.settings import pairs

_CONTAINER = "template.containers[]"
_GPU = "nvidia.com/gpu"
# google.cloud.run.v2 ContainerPort.name
_HTTP1, _HTTP2 = "http1", "h2c"


def _env_vars(service: run_v2.Service) -> Any:
    # A variable with a value source is a secret's.
    return pairs(
        {v.name: v.value for v in serving_container(service).env if "value_source" not in v}
    )


def _set_env_vars(service: run_v2.Service, value: Any) -> None:
    container = serving_container(service)
    sourced = [v for v in container.env if "value_source" in v and v.name not in dict(value)]
    plain = [run_v2.EnvVar(name=name, value=text) for name, text in value]
    container.env = [*plain, *sourced]


def _resources(service: run_v2.Service) -> run_v2.ResourceRequirements:
    """To be written to."""
    container = serving_container(service)
    if "resources" not in container:
        # True by default only while `resources` is unset: naming a limit alone would switch to
        # CPU that is always on, and always billed (google.cloud.run.v2
        # ResourceRequirements.cpu_idle).
        container.resources.cpu_idle = True
    return container.resources


def _set_limit(name: str, form: Callable[[int], str]) -> Write:
    def write(service: run_v2.Service, value: Any) -> None:
        _resources(service).limits[name] = form(value)

    return write


def _limit(name: str, parse: Callable[[str], Any]) -> Read:
    def read(service: run_v2.Service) -> Any:
        # Not limits[name]: a protobuf map makes what it is asked for, and so would `resources` be
        # present in what is written back.
        text = dict(serving_container(service).resources.limits).get(name, "")
        try:
            return parse(text)
        except ValueError:
            return None

    return read


def _set_gpu(service: run_v2.Service, value: Any) -> None:
    limits = _resources(service).limits
    if value:
        limits[_GPU] = str(value)
        return
    limits.pop(_GPU, None)
    # Which GPU, where there is none, is refused.
    del service.template.node_selector


def _cpu_throttling(service: run_v2.Service) -> Any:
    container = serving_container(service)
    return "resources" not in container or container.resources.cpu_idle


def _set_cpu_throttling(service: run_v2.Service, value: Any) -> None:
    _resources(service).cpu_idle = value


def _cpu_boost(service: run_v2.Service) -> Any:
    container = serving_container(service)
    # What Cloud Run does by itself where nothing is set is its own to say.
    return container.resources.startup_cpu_boost if "resources" in container else None


def _set_cpu_boost(service: run_v2.Service, value: Any) -> None:
    _resources(service).startup_cpu_boost = value


def _set_port(service: run_v2.Service, value: Any) -> None:
    container = serving_container(service)
    before = container.ports[0] if container.ports else run_v2.ContainerPort(name=_HTTP1)
    container.ports = [run_v2.ContainerPort(name=before.name, container_port=value)]
    # Cloud Run writes its default probe out, with the port that the container had then: it would
    # go on knocking there, and the revision never become ready.
    for probe in (container.startup_probe, container.liveness_probe, container.readiness_probe):
        for kind in ("tcp_socket", "http_get", "grpc"):
            if kind in probe and getattr(probe, kind).port == before.container_port:
                getattr(probe, kind).port = value


def _use_http2(service: run_v2.Service) -> Any:
    ports = serving_container(service).ports
    return bool(ports) and ports[0].name == _HTTP2


def _set_use_http2(service: run_v2.Service, value: Any) -> None:
    container = serving_container(service)
    name = _HTTP2 if value else _HTTP1
    container.ports = [run_v2.ContainerPort(name=name, container_port=container_port(service) or 0)]


def _set_args(service: run_v2.Service, value: Any) -> None:
    serving_container(service).args = list(value)


def _set_command(service: run_v2.Service, value: Any) -> None:
    serving_container(service).command = list(value)


CONTAINER = (
    Setting(
        name="args",
        fields=(f"{_CONTAINER}.args",),
        read=lambda service: tuple(serving_container(service).args),
        write=_set_args,
    ),
    Setting(
        name="command",
        fields=(f"{_CONTAINER}.command",),
        read=lambda service: tuple(serving_container(service).command),
        write=_set_command,
    ),
    Setting(
        name="cpu",
        fields=(f"{_CONTAINER}.resources.limits.cpu",),
        read=_limit("cpu", parse_cpu),
        write=_set_limit("cpu", format_cpu),
    ),
    Setting(
        name="cpu_boost",
        fields=(f"{_CONTAINER}.resources.startup_cpu_boost",),
        read=_cpu_boost,
        write=_set_cpu_boost,
    ),
    Setting(
        name="cpu_throttling",
        fields=(f"{_CONTAINER}.resources.cpu_idle",),
        read=_cpu_throttling,
        write=_set_cpu_throttling,
    ),
    Setting(
        name="env_vars",
        fields=(f"{_CONTAINER}.env[].value",),
        read=_env_vars,
        write=_set_env_vars,
    ),
    Setting(
        name="gpu",
        fields=(f"{_CONTAINER}.resources.limits[{_GPU}]",),
        read=_limit(_GPU, lambda text: int(text or "0")),
        write=_set_gpu,
    ),
    Setting(
        name="memory",
        fields=(f"{_CONTAINER}.resources.limits.memory",),
        read=_limit("memory", parse_memory),
        write=_set_limit("memory", format_memory),
    ),
    Setting(
        name="port",
        fields=(f"{_CONTAINER}.ports[].container_port",),
        read=container_port,
        write=_set_port,
    ),
    Setting(
        name="use_http2",
        fields=(f"{_CONTAINER}.ports[].name",),
        read=_use_http2,
        write=_set_use_http2,
    ),
)
