"""The settings of the service, outside of its template: each has mask paths of its own."""

from typing import Any

from google.cloud import run_v2

from transship.clients.run_setting import Setting
from transship.model.marks import is_own_label
from transship.model.settings import pairs

_DEFAULT, _AUTO = "default", "auto"
_INGRESS = {
    "all": run_v2.IngressTraffic.INGRESS_TRAFFIC_ALL,
    "internal": run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY,
    "internal-and-cloud-load-balancing": (
        run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER
    ),
}
_MODE = run_v2.ServiceScaling.ScalingMode


def _binary_authorization(service: run_v2.Service) -> Any:
    said = service.binary_authorization
    return said.policy or (_DEFAULT if said.use_default else "")


def _set_binary_authorization(service: run_v2.Service, value: Any) -> None:
    if not value:
        del service.binary_authorization
    elif value == _DEFAULT:
        service.binary_authorization.use_default = True
    else:
        service.binary_authorization.policy = value


def _set_breakglass(service: run_v2.Service, value: Any) -> None:
    service.binary_authorization.breakglass_justification = value


def _set_default_url(service: run_v2.Service, value: Any) -> None:
    service.default_uri_disabled = not value


def _set_description(service: run_v2.Service, value: Any) -> None:
    service.description = value


def _ingress(service: run_v2.Service) -> Any:
    return next((name for name, value in _INGRESS.items() if value == service.ingress), None)


def _set_ingress(service: run_v2.Service, value: Any) -> None:
    service.ingress = run_v2.IngressTraffic(_INGRESS[value])


def _set_invoker_iam_check(service: run_v2.Service, value: Any) -> None:
    service.invoker_iam_disabled = not value


def _labels(service: run_v2.Service) -> Any:
    return pairs({k: v for k, v in service.labels.items() if not is_own_label(k)})


def _set_labels(service: run_v2.Service, value: Any) -> None:
    # As gcloud does it: on the service, and on the revision, where usage is billed. Those that
    # the service has already are not this request's.
    for key, text in value:
        if service.labels.get(key) != text:
            service.labels[key] = text
            service.template.labels[key] = text


def _set_max(service: run_v2.Service, value: Any) -> None:
    service.scaling.max_instance_count = value


def _set_min(service: run_v2.Service, value: Any) -> None:
    service.scaling.min_instance_count = value


def _scaling(service: run_v2.Service) -> Any:
    said = service.scaling
    return said.manual_instance_count if said.scaling_mode == _MODE.MANUAL else _AUTO


def _set_scaling(service: run_v2.Service, value: Any) -> None:
    if value == _AUTO:
        service.scaling.scaling_mode = _MODE(_MODE.AUTOMATIC)
        del service.scaling.manual_instance_count
    else:
        service.scaling.scaling_mode = _MODE(_MODE.MANUAL)
        service.scaling.manual_instance_count = value


SERVICE = (
    Setting(
        name="binary_authorization",
        fields=("binary_authorization",),
        read=_binary_authorization,
        write=_set_binary_authorization,
    ),
    Setting(
        name="breakglass",
        fields=("binary_authorization",),
        read=lambda service: service.binary_authorization.breakglass_justification,
        write=_set_breakglass,
    ),
    Setting(
        name="default_url",
        fields=("default_uri_disabled",),
        read=lambda service: not service.default_uri_disabled,
        write=_set_default_url,
    ),
    Setting(
        name="description",
        fields=("description",),
        read=lambda service: service.description,
        write=_set_description,
    ),
    Setting(name="ingress", fields=("ingress",), read=_ingress, write=_set_ingress),
    Setting(
        name="invoker_iam_check",
        fields=("invoker_iam_disabled",),
        read=lambda service: not service.invoker_iam_disabled,
        write=_set_invoker_iam_check,
    ),
    Setting(name="labels", fields=("labels", "template.labels"), read=_labels, write=_set_labels),
    Setting(
        name="max",
        fields=("scaling.max_instance_count",),
        read=lambda service: service.scaling.max_instance_count,
        write=_set_max,
    ),
    Setting(
        name="min",
        fields=("scaling.min_instance_count",),
        read=lambda service: service.scaling.min_instance_count,
        write=_set_min,
    ),
    Setting(
        name="scaling",
        fields=("scaling.scaling_mode", "scaling.manual_instance_count"),
        read=_scaling,
        write=_set_scaling,
    ),
)
