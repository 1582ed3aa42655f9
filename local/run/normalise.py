"""What Cloud Run makes of what it is given: quantities in one form, every default written out.

Whoever compares what was sent with what is stored meets this. Normalising twice changes nothing,
so that read, modify, write does not cut a revision by itself.
"""

from decimal import Decimal, InvalidOperation
from typing import Any

from google.api import launch_stage_pb2
from google.cloud import run_v2

from local.run.errors import invalid
from local.run.messages import LATEST

_SUFFIXES = {
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
    "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
}  # fmt: skip
_BINARY = (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))

DEFAULT_PORT = 8080
_TIMEOUT = 300
_CONCURRENCY = 80
_MAX_INSTANCES = 100
# https://cloud.google.com/run/docs/configuring/healthchecks
_PROBE_SECONDS = 240


def cpu_millis(text: str, *, field: str = "limits.cpu") -> int:
    """
    >>> cpu_millis("1"), cpu_millis("0.5"), cpu_millis("2000m")
    (1000, 500, 2000)
    """
    try:
        cpu = Decimal(text[:-1]) / 1000 if text.endswith("m") else Decimal(text)
    except InvalidOperation:
        raise invalid(field, f"{text!r} is not a quantity such as '1' or '500m'") from None
    return int(cpu * 1000)


def memory_bytes(text: str, *, field: str = "limits.memory") -> int:
    """
    >>> memory_bytes("512Mi"), memory_bytes("1G")
    (536870912, 1000000000)
    """
    for suffix, factor in _SUFFIXES.items():
        if text.endswith(suffix):
            number, unit = text.removesuffix(suffix), factor
            break
    else:
        number, unit = text, 1
    try:
        return int(Decimal(number) * unit)
    except InvalidOperation:
        raise invalid(field, f"{text!r} is not a quantity such as '512Mi'") from None


def normal_memory(text: str) -> str:
    """
    >>> normal_memory("1024Mi"), normal_memory("0.5Gi"), normal_memory("512M")
    ('1Gi', '512Mi', '512M')
    """
    if text.endswith(("k", "M", "G", "T")):
        return text
    size = memory_bytes(text)
    for suffix, factor in _BINARY:
        if size and size % factor == 0:
            return f"{size // factor}{suffix}"
    return str(size)


def ingress_container(template: Any) -> Any:
    """The container that serves: the one with a port, or the only one."""
    for container in template.containers:
        if container.ports:
            return container
    return template.containers[0]


def normalise(service: Any, *, default_account: str) -> None:
    if not service.ingress:
        service.ingress = int(run_v2.IngressTraffic.INGRESS_TRAFFIC_ALL)
    if not service.launch_stage:
        service.launch_stage = launch_stage_pb2.GA
    if not service.traffic:
        service.traffic.add(type_=LATEST, percent=100)
    for target in service.traffic:
        if not target.type_:
            target.type_ = LATEST
    _normalise_template(service.template, default_account)


def _normalise_template(template: Any, default_account: str) -> None:
    template.service_account = template.service_account or default_account
    if not template.HasField("timeout"):
        template.timeout.seconds = _TIMEOUT
    # A message that is present and one that is absent differ on the wire only.
    if not template.scaling.max_instance_count:
        template.scaling.max_instance_count = _MAX_INSTANCES
    access = template.vpc_access
    if (access.connector or access.network_interfaces) and not access.egress:
        access.egress = int(run_v2.VpcAccess.VpcEgress.PRIVATE_RANGES_ONLY)
    if not template.containers:
        return
    for container in template.containers:
        _normalise_resources(container)
    serving = ingress_container(template)
    if serving.ports or len(template.containers) == 1:
        _normalise_port(serving)
    if not template.max_instance_request_concurrency:
        whole = cpu_millis(serving.resources.limits["cpu"]) >= 1000  # noqa: PLR2004 - one vCPU
        template.max_instance_request_concurrency = _CONCURRENCY if whole else 1


def _normalise_resources(container: Any) -> None:
    if not container.HasField("resources"):
        # True by default only while ``resources`` is unset: whoever sets just the memory pays for
        # an always-on CPU.  google/cloud/run_v2/types/k8s_min.py, ResourceRequirements
        container.resources.cpu_idle = True
        container.resources.startup_cpu_boost = True
    limits = container.resources.limits
    limits["cpu"] = f"{cpu_millis(limits.get('cpu') or '1')}m"
    limits["memory"] = normal_memory(limits.get("memory") or "512Mi")


def _normalise_port(container: Any) -> None:
    if not container.ports:
        container.ports.add(name="http1", container_port=DEFAULT_PORT)
    port = container.ports[0]
    port.name = port.name or "http1"
    port.container_port = port.container_port or DEFAULT_PORT
    if not container.HasField("startup_probe"):
        probe = container.startup_probe
        probe.timeout_seconds = probe.period_seconds = _PROBE_SECONDS
        probe.failure_threshold = 1
        probe.tcp_socket.port = port.container_port
    if container.startup_probe.WhichOneof("probe_type") is None:
        container.startup_probe.tcp_socket.port = port.container_port
    for name in ("startup_probe", "liveness_probe", "readiness_probe"):
        if container.HasField(name):
            _normalise_probe(getattr(container, name), port.container_port)


def _normalise_probe(probe: Any, port: int) -> None:
    probe.timeout_seconds = probe.timeout_seconds or 1
    probe.period_seconds = probe.period_seconds or 10
    probe.failure_threshold = probe.failure_threshold or 3
    kind = probe.WhichOneof("probe_type")
    if kind is not None and not getattr(probe, kind).port:
        getattr(probe, kind).port = port
    if kind == "http_get" and not probe.http_get.path:
        probe.http_get.path = "/"
