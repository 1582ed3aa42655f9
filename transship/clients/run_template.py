"""google.cloud.run.v2 Service <-> the settings that a request names.

One row a setting: how it is read into normal form, and how it is written. The rest of a service is
neither read nor written, so that a write keeps it (gRPC keeps even the fields that the library
does not know).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from google.cloud import run_v2

from transship.model.marks import is_own_label
from transship.model.quantity import format_cpu, format_memory, parse_cpu, parse_memory
from transship.model.settings import Settings, pairs

_INGRESS = {
    "all": run_v2.IngressTraffic.INGRESS_TRAFFIC_ALL,
    "internal": run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY,
    "internal-and-cloud-load-balancing": (
        run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER
    ),
}


def serving_container(service: run_v2.Service) -> run_v2.Container:
    """The one that has a port: exactly one of several containers has."""
    containers = service.template.containers
    return next((container for container in containers if container.ports), containers[0])


def settings_of(service: run_v2.Service) -> Settings:
    if not service.template.containers:
        return Settings()
    return Settings(**{setting.name: setting.read(service) for setting in SETTINGS})


def write_settings(service: run_v2.Service, settings: Settings) -> None:
    """Put the named *settings* into *service*, in place."""
    named = settings.named()
    for setting in SETTINGS:
        if setting.name in named:
            setting.write(service, named[setting.name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """*api* is the field that gcloud's *flag* sets (``template.containers[i]`` left out)."""

    name: str
    flag: str
    api: str
    read: Callable[[run_v2.Service], Any]
    write: Callable[[run_v2.Service, Any], None]


def _env_vars(service: run_v2.Service) -> Any:
    # A variable with a value source is a secret's; those are kept and not shown.
    return pairs(
        {v.name: v.value for v in serving_container(service).env if "value_source" not in v}
    )


def _set_env_vars(service: run_v2.Service, value: Any) -> None:
    container = serving_container(service)
    sourced = [v for v in container.env if "value_source" in v and v.name not in dict(value)]
    plain = [run_v2.EnvVar(name=name, value=text) for name, text in value]
    container.env = [*plain, *sourced]


def _set_limit(name: str, form: Callable[[int], str]) -> Callable[[run_v2.Service, Any], None]:
    def write(service: run_v2.Service, value: Any) -> None:
        container = serving_container(service)
        if "resources" not in container:
            # True by default only while `resources` is unset: naming a limit alone would switch
            # to CPU that is always on, and always billed (google.cloud.run.v2
            # ResourceRequirements.cpu_idle).
            container.resources.cpu_idle = True
        container.resources.limits[name] = form(value)

    return write


def _limit(name: str, parse: Callable[[str], Any]) -> Callable[[run_v2.Service], Any]:
    def read(service: run_v2.Service) -> Any:
        # Not limits[name]: a protobuf map makes what it is asked for, and so would `resources` be
        # present in what is written back.
        text = dict(serving_container(service).resources.limits).get(name, "")
        try:
            return parse(text)
        except ValueError:
            return None

    return read


def _set_port(service: run_v2.Service, value: Any) -> None:
    container = serving_container(service)
    before = container.ports[0] if container.ports else run_v2.ContainerPort(name="http1")
    container.ports = [run_v2.ContainerPort(name=before.name, container_port=value)]
    # Cloud Run writes its default probe out, with the port that the container had then: it would
    # go on knocking there, and the revision never become ready.
    for probe in (container.startup_probe, container.liveness_probe, container.readiness_probe):
        for kind in ("tcp_socket", "http_get", "grpc"):
            if kind in probe and getattr(probe, kind).port == before.container_port:
                getattr(probe, kind).port = value


def _port(service: run_v2.Service) -> Any:
    ports = serving_container(service).ports
    return ports[0].container_port if ports else None


def _labels(service: run_v2.Service) -> Any:
    return pairs({k: v for k, v in service.labels.items() if not is_own_label(k)})


def _set_labels(service: run_v2.Service, value: Any) -> None:
    # As gcloud does it: on the service, and on the revision, where usage is billed. Those that
    # the service has already are not this request's.
    for key, text in value:
        if service.labels.get(key) != text:
            service.labels[key] = text
            service.template.labels[key] = text


def _ingress(service: run_v2.Service) -> Any:
    return next((name for name, value in _INGRESS.items() if value == service.ingress), None)


def _set_ingress(service: run_v2.Service, value: Any) -> None:
    service.ingress = run_v2.IngressTraffic(_INGRESS[value])


def _timeout(service: run_v2.Service) -> Any:
    # proto-plus hands a Duration out as a timedelta, which its annotations do not say.
    timeout: Any = service.template.timeout
    return int(timeout.total_seconds())


def _set_timeout(service: run_v2.Service, value: Any) -> None:
    timeout: Any = timedelta(seconds=value)
    service.template.timeout = timeout


def _set_args(service: run_v2.Service, value: Any) -> None:
    serving_container(service).args = list(value)


def _set_command(service: run_v2.Service, value: Any) -> None:
    serving_container(service).command = list(value)


def _set_concurrency(service: run_v2.Service, value: Any) -> None:
    service.template.max_instance_request_concurrency = value


def _set_max_instances(service: run_v2.Service, value: Any) -> None:
    service.template.scaling.max_instance_count = value


def _set_min_instances(service: run_v2.Service, value: Any) -> None:
    service.template.scaling.min_instance_count = value


def _set_service_account(service: run_v2.Service, value: Any) -> None:
    service.template.service_account = value


SETTINGS = (
    Setting(
        name="args",
        flag="--args",
        api="args",
        read=lambda service: tuple(serving_container(service).args),
        write=_set_args,
    ),
    Setting(
        name="command",
        flag="--command",
        api="command",
        read=lambda service: tuple(serving_container(service).command),
        write=_set_command,
    ),
    Setting(
        name="concurrency",
        flag="--concurrency",
        api="template.max_instance_request_concurrency",
        read=lambda service: service.template.max_instance_request_concurrency,
        write=_set_concurrency,
    ),
    Setting(
        name="cpu",
        flag="--cpu",
        api="resources.limits.cpu",
        read=_limit("cpu", parse_cpu),
        write=_set_limit("cpu", format_cpu),
    ),
    Setting(
        name="env_vars",
        flag="--set-env-vars",
        api="env",
        read=_env_vars,
        write=_set_env_vars,
    ),
    Setting(
        name="ingress",
        flag="--ingress",
        api="service.ingress",
        read=_ingress,
        write=_set_ingress,
    ),
    Setting(
        name="labels",
        flag="--labels",
        api="service.labels, template.labels",
        read=_labels,
        write=_set_labels,
    ),
    Setting(
        name="max_instances",
        flag="--max-instances",
        api="template.scaling.max_instance_count",
        read=lambda service: service.template.scaling.max_instance_count,
        write=_set_max_instances,
    ),
    Setting(
        name="memory",
        flag="--memory",
        api="resources.limits.memory",
        read=_limit("memory", parse_memory),
        write=_set_limit("memory", format_memory),
    ),
    Setting(
        name="min_instances",
        flag="--min-instances",
        api="template.scaling.min_instance_count",
        read=lambda service: service.template.scaling.min_instance_count,
        write=_set_min_instances,
    ),
    Setting(name="port", flag="--port", api="ports[0]", read=_port, write=_set_port),
    Setting(
        name="service_account",
        flag="--service-account",
        api="template.service_account",
        read=lambda service: service.template.service_account,
        write=_set_service_account,
    ),
    Setting(
        name="timeout",
        flag="--timeout",
        api="template.timeout",
        read=_timeout,
        write=_set_timeout,
    ),
)
