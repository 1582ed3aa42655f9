"""The settings of the revision as a whole: how its instances scale, run and end."""

from datetime import timedelta
from typing import Any

from google.cloud import run_v2

from transship.clients.run_setting import Setting

_ENVIRONMENTS = {
    "gen1": run_v2.ExecutionEnvironment.EXECUTION_ENVIRONMENT_GEN1,
    "gen2": run_v2.ExecutionEnvironment.EXECUTION_ENVIRONMENT_GEN2,
}


def _set_concurrency(service: run_v2.Service, value: Any) -> None:
    service.template.max_instance_request_concurrency = value


def _environment(service: run_v2.Service) -> Any:
    said = service.template.execution_environment
    return next((name for name, value in _ENVIRONMENTS.items() if value == said), None)


def _set_environment(service: run_v2.Service, value: Any) -> None:
    service.template.execution_environment = run_v2.ExecutionEnvironment(_ENVIRONMENTS[value])


def _set_gpu_type(service: run_v2.Service, value: Any) -> None:
    if value:
        service.template.node_selector.accelerator = value
    else:
        del service.template.node_selector


def _zonal_redundancy(service: run_v2.Service) -> Any:
    return not service.template.gpu_zonal_redundancy_disabled


def _set_zonal_redundancy(service: run_v2.Service, value: Any) -> None:
    service.template.gpu_zonal_redundancy_disabled = not value


def _set_max_instances(service: run_v2.Service, value: Any) -> None:
    service.template.scaling.max_instance_count = value


def _set_min_instances(service: run_v2.Service, value: Any) -> None:
    service.template.scaling.min_instance_count = value


def _set_service_account(service: run_v2.Service, value: Any) -> None:
    service.template.service_account = value


def _set_session_affinity(service: run_v2.Service, value: Any) -> None:
    service.template.session_affinity = value


def _timeout(service: run_v2.Service) -> Any:
    # proto-plus hands a Duration out as a timedelta, which its annotations do not say.
    timeout: Any = service.template.timeout
    return int(timeout.total_seconds()) if timeout is not None else None


def _set_timeout(service: run_v2.Service, value: Any) -> None:
    timeout: Any = timedelta(seconds=value)
    service.template.timeout = timeout


REVISION = (
    Setting(
        name="concurrency",
        fields=("template.max_instance_request_concurrency",),
        read=lambda service: service.template.max_instance_request_concurrency,
        write=_set_concurrency,
    ),
    Setting(
        name="execution_environment",
        fields=("template.execution_environment",),
        read=_environment,
        write=_set_environment,
    ),
    Setting(
        name="gpu_type",
        fields=("template.node_selector.accelerator",),
        read=lambda service: service.template.node_selector.accelerator,
        write=_set_gpu_type,
    ),
    Setting(
        name="gpu_zonal_redundancy",
        fields=("template.gpu_zonal_redundancy_disabled",),
        read=_zonal_redundancy,
        write=_set_zonal_redundancy,
    ),
    Setting(
        name="max_instances",
        fields=("template.scaling.max_instance_count",),
        read=lambda service: service.template.scaling.max_instance_count,
        write=_set_max_instances,
    ),
    Setting(
        name="min_instances",
        fields=("template.scaling.min_instance_count",),
        read=lambda service: service.template.scaling.min_instance_count,
        write=_set_min_instances,
    ),
    Setting(
        name="service_account",
        fields=("template.service_account",),
        read=lambda service: service.template.service_account,
        write=_set_service_account,
    ),
    Setting(
        name="session_affinity",
        fields=("template.session_affinity",),
        read=lambda service: service.template.session_affinity,
        write=_set_session_affinity,
    ),
    Setting(
        name="timeout",
        fields=("template.timeout",),
        read=_timeout,
        write=_set_timeout,
    ),
)
