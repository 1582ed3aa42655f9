"""What Cloud Run refuses at once, with INVALID_ARGUMENT, and the rule behind each refusal."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from google.cloud import run_v2

from local.run import attachments, names, probe_rules
from local.run.errors import invalid
from local.run.messages import REVISION
from local.run.normalise import cpu_millis, ingress_container, memory_bytes

# google/cloud/run_v2/types/service.py, Service.annotations
_RESERVED_PREFIXES = (
    "run.googleapis.com",
    "cloud.googleapis.com",
    "serving.knative.dev",
    "autoscaling.knative.dev",
)
# https://cloud.google.com/resource-manager/docs/labels-overview#requirements
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_MAX_LABELS = 64
# Kubernetes: an optional DNS prefix of up to 253 characters and a name of up to 63; 256 KiB in all.
# https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/
_ANNOTATION_KEY = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
)
_MAX_ANNOTATIONS_BYTES = 256 * 1024
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_RESERVED_ENV = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
# https://cloud.google.com/run/quotas
_MAX_ENV = 1000
_MAX_TIMEOUT = 3600
_MAX_CONCURRENCY = 1000
_MAX_DESCRIPTION = 512
_MAX_PORT = 65535
_MAX_MEMORY = 32 * 2**30
# https://cloud.google.com/run/docs/configuring/services/cpu
_WHOLE_CPUS = (1000, 2000, 4000, 6000, 8000)
_LEAST_CPU = 80
_LEAST_MEMORY = {4000: 2 * 2**30, 6000: 4 * 2**30, 8000: 4 * 2**30}
_MOST_MEMORY = {500: 2**29, 999: 2**30, 1000: 4 * 2**30, 2000: 8 * 2**30, 4000: 16 * 2**30,
                6000: 24 * 2**30, 8000: _MAX_MEMORY}  # fmt: skip
_MANUAL = int(run_v2.ServiceScaling.ScalingMode.MANUAL)
# https://cloud.google.com/run/docs/configuring/services/gpu
_LEAST_GPU_CPU = 4000
_LEAST_GPU_MEMORY = 16 * 2**30
# https://cloud.google.com/run/docs/deploying#images and, for ghcr.io, its page on public images
_HOST = re.compile(r"(?:[a-z0-9-]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev|docker\.io|ghcr\.io")
_TAG = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
# https://github.com/firebase/firebase-tools/issues/6137
_MAX_TAG_AND_SERVICE = 46


def check(service: Any, service_id: str, *, local_hosts: Collection[str]) -> None:
    """*service* is in normal form; *local_hosts* are registries on this machine."""
    _check_labels(service.labels, "service.labels")
    _check_annotations(service.annotations, "service.annotations")
    if len(service.description) > _MAX_DESCRIPTION:
        raise invalid("service.description", f"more than {_MAX_DESCRIPTION} characters")
    _check_template(service.template, local_hosts)
    attachments.check(service.template, "service.template")
    for index, container in enumerate(service.template.containers):
        probe_rules.check(service, container, f"service.template.containers[{index}]")
    _check_scaling(service.scaling)
    _check_binary_authorization(service.binary_authorization)
    if service.template.revision:
        names.check_revision_id(service.template.revision, service_id)
    _check_traffic(service.traffic, service_id)


def _check_labels(labels: Mapping[str, str], field: str) -> None:
    if len(labels) > _MAX_LABELS:
        raise invalid(field, f"more than {_MAX_LABELS} labels")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key):
            raise invalid(f"{field}[{key!r}]", "a key is a letter and up to 62 of [a-z0-9_-]")
        if not _LABEL_VALUE.fullmatch(value):
            raise invalid(f"{field}[{key!r}]", "a value is up to 63 of [a-z0-9_-]")


def _check_annotations(annotations: Mapping[str, str], field: str) -> None:
    for key in annotations:
        prefix = key.partition("/")[0]
        if any(prefix == name or prefix.endswith(f".{name}") for name in _RESERVED_PREFIXES):
            raise invalid(f"{field}[{key!r}]", "annotations of the system are fields in v2")
        if not _ANNOTATION_KEY.fullmatch(key):
            raise invalid(f"{field}[{key!r}]", "is not a qualified name")
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _MAX_ANNOTATIONS_BYTES:
        raise invalid(field, f"{size} bytes in all, more than {_MAX_ANNOTATIONS_BYTES}")


def _check_template(template: Any, local_hosts: Collection[str]) -> None:
    field = "service.template"
    _check_labels(template.labels, f"{field}.labels")
    _check_annotations(template.annotations, f"{field}.annotations")
    if not template.containers:
        raise invalid(f"{field}.containers", "at least one container is required")
    if len(template.containers) > 1 and sum(1 for c in template.containers if c.ports) != 1:
        raise invalid(f"{field}.containers", "exactly one of several containers must have ports")
    if not 0 < template.timeout.seconds <= _MAX_TIMEOUT:
        raise invalid(f"{field}.timeout", f"must be between 1 and {_MAX_TIMEOUT} seconds")
    concurrency = template.max_instance_request_concurrency
    if not 0 < concurrency <= _MAX_CONCURRENCY:
        raise invalid(
            f"{field}.max_instance_request_concurrency", f"must be between 1 and {_MAX_CONCURRENCY}"
        )
    scaling = template.scaling
    if scaling.min_instance_count < 0:
        raise invalid(f"{field}.scaling.min_instance_count", "must not be negative")
    if scaling.min_instance_count > scaling.max_instance_count:
        raise invalid(f"{field}.scaling", "min_instance_count must not exceed max_instance_count")
    for index, container in enumerate(template.containers):
        _check_container(container, f"{field}.containers[{index}]", local_hosts)
    _check_gpu(template, field)
    cpu = cpu_millis(ingress_container(template).resources.limits["cpu"])
    if cpu < _WHOLE_CPUS[0] and concurrency > 1:
        raise invalid(field, "Total cpu < 1 is not supported with concurrency > 1.")


def _check_container(container: Any, field: str, local_hosts: Collection[str]) -> None:
    _check_image(container.image, f"{field}.image", local_hosts)
    _check_env(container.env, f"{field}.env")
    _check_limits(container.resources.limits, f"{field}.resources.limits")
    if len(container.ports) > 1:
        raise invalid(f"{field}.ports", "at most one port")
    for port in container.ports:
        if port.name not in ("http1", "h2c"):
            raise invalid(f"{field}.ports[0].name", f"'http1' or 'h2c', got {port.name!r}")
        if not 0 < port.container_port <= _MAX_PORT:
            raise invalid(f"{field}.ports[0].container_port", f"between 1 and {_MAX_PORT}")


def _check_gpu(template: Any, field: str) -> None:
    """https://cloud.google.com/run/docs/configuring/services/gpu"""
    with_gpu = [c for c in template.containers if "nvidia.com/gpu" in c.resources.limits]
    for container in with_gpu:
        resources = container.resources
        if (
            cpu_millis(resources.limits["cpu"]) < _LEAST_GPU_CPU
            or memory_bytes(resources.limits["memory"]) < _LEAST_GPU_MEMORY
        ):
            raise invalid(f"{field}.containers.resources", "a GPU needs 4 CPUs and 16Gi at least")
        if resources.cpu_idle:
            raise invalid(f"{field}.containers.resources.cpu_idle", "a GPU needs CPU always on")
    if bool(with_gpu) != bool(template.node_selector.accelerator):
        raise invalid(f"{field}.node_selector", "belongs to a GPU, and a GPU needs one")


def _check_scaling(scaling: Any) -> None:
    """google/cloud/run_v2/types/vendor_settings.py, ServiceScaling"""
    field = "service.scaling"
    least, most = scaling.min_instance_count, scaling.max_instance_count
    if least < 0 or most < 0 or scaling.manual_instance_count < 0:
        raise invalid(field, "counts must not be negative")
    if most and least > most:
        raise invalid(field, "min_instance_count must not exceed max_instance_count")
    if scaling.HasField("manual_instance_count") and scaling.scaling_mode != _MANUAL:
        raise invalid(f"{field}.manual_instance_count", "belongs to the scaling mode MANUAL")


def _check_binary_authorization(said: Any) -> None:
    """google/cloud/run_v2/types/vendor_settings.py, BinaryAuthorization"""
    if said.breakglass_justification and not (said.use_default or said.policy):
        raise invalid(
            "service.binary_authorization.breakglass_justification",
            "must be empty while binary authorization is off",
        )


def _check_image(image: str, field: str, local_hosts: Collection[str]) -> None:
    if not image:
        raise invalid(field, "is required")
    host = image.partition("/")[0] if "/" in image else ""
    if "." not in host and ":" not in host and host != "localhost":
        return  # a name on Docker Hub
    if not _HOST.fullmatch(host) and host not in local_hosts:
        raise invalid(
            field,
            "Expected an image path like [host/]repo-path[:tag and/or @digest], where host is one "
            f"of [region.]gcr.io, [region-]docker.pkg.dev or docker.io but obtained {image}",
        )


def _check_env(env: Any, field: str) -> None:
    if len(env) > _MAX_ENV:
        raise invalid(field, f"more than {_MAX_ENV} variables")
    seen = set()
    for variable in env:
        if not _ENV_NAME.fullmatch(variable.name):
            raise invalid(field, f"{variable.name!r} is not a name")
        if variable.name in seen:
            raise invalid(field, f"{variable.name!r} is given twice")
        seen.add(variable.name)
    if reserved := sorted(seen & _RESERVED_ENV):
        raise invalid(
            field,
            f"The following reserved env names were provided: {', '.join(reserved)}. "
            "These values are automatically set by the system.",
        )


def _check_limits(limits: Mapping[str, str], field: str) -> None:
    for key in limits:
        if key not in ("cpu", "memory", "nvidia.com/gpu"):
            raise invalid(f"{field}[{key!r}]", "only cpu, memory and nvidia.com/gpu are supported")
    cpu, memory = cpu_millis(limits["cpu"]), memory_bytes(limits["memory"])
    if cpu not in _WHOLE_CPUS and not _LEAST_CPU <= cpu < _WHOLE_CPUS[0]:
        raise invalid(f"{field}['cpu']", f"{limits['cpu']}: 0.08 to 1, or one of 1, 2, 4, 6, 8")
    if memory < max(128 * 2**20, _LEAST_MEMORY.get(cpu, 0)):
        raise invalid(f"{field}['memory']", f"{limits['memory']} is too little for {cpu}m of cpu")
    most = next(memory for at_most, memory in _MOST_MEMORY.items() if cpu <= at_most)
    if memory > most:
        raise invalid(f"{field}['memory']", f"{limits['memory']} is too much for {cpu}m of cpu")


def _check_traffic(traffic: Any, service_id: str) -> None:
    field = "service.traffic"
    if sum(target.percent for target in traffic) != 100:  # noqa: PLR2004 - percent
        raise invalid(field, "percentages must sum to 100")
    tags = [target.tag for target in traffic if target.tag]
    if len(set(tags)) != len(tags):
        raise invalid(field, "a tag is given twice")
    for target in traffic:
        if not 0 <= target.percent <= 100:  # noqa: PLR2004 - percent
            raise invalid(f"{field}.percent", f"{target.percent} is not between 0 and 100")
        if target.type_ == REVISION and not target.revision:
            raise invalid(f"{field}.revision", "is required for a target of type REVISION")
        if target.type_ != REVISION and target.revision:
            raise invalid(f"{field}.revision", "belongs to a target of type REVISION only")
        if target.tag and not _TAG.fullmatch(target.tag):
            raise invalid(f"{field}.tag", f"{target.tag!r}: lowercase letters, digits and dashes")
        if target.tag and len(target.tag) + len(service_id) > _MAX_TAG_AND_SERVICE:
            raise invalid(
                f"{field}.tag",
                f"tag and service name together exceed {_MAX_TAG_AND_SERVICE} characters",
            )
