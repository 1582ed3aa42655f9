"""google.cloud.run.v2 Probe <-> a container's probe in normal form."""

from typing import Any

from google.api import launch_stage_pb2
from google.cloud import run_v2

from transship.clients.run_setting import Read, Setting, Write, container_port, serving_container
from transship.model.probes import NO_PROBE, ContainerProbe, Grpc, HttpGet, TcpSocket

_FIELD = "template.containers[]."


def _read(field: str) -> Read:
    def read(service: run_v2.Service) -> Any:
        container = serving_container(service)
        if field not in container:
            return NO_PROBE
        return _probe(getattr(container, field)).at(container_port(service) or 0)

    return read


def _write(field: str) -> Write:
    def write(service: run_v2.Service, probe: Any) -> None:
        setattr(serving_container(service), field, None if probe == NO_PROBE else _said(probe))

    return write


def _set_readiness_probe(service: run_v2.Service, probe: Any) -> None:
    _write("readiness_probe")(service, probe)
    if probe != NO_PROBE and service.launch_stage in (0, launch_stage_pb2.GA):
        # A preview: "The launch stage annotation should be specified at least as BETA", as
        # https://github.com/google-github-actions/deploy-cloudrun/issues/35 has it for another.
        service.launch_stage = launch_stage_pb2.BETA


def _probe(said: run_v2.Probe) -> ContainerProbe:
    kind: dict[str, Any] = {}
    if "http_get" in said:
        kind["http_get"] = HttpGet(path=said.http_get.path or "/", port=said.http_get.port)
    elif "tcp_socket" in said:
        kind["tcp_socket"] = TcpSocket(port=said.tcp_socket.port)
    elif "grpc" in said:
        kind["grpc"] = Grpc(port=said.grpc.port, service=said.grpc.service)
    else:
        return NO_PROBE
    return ContainerProbe(
        **kind,
        initial_delay_seconds=said.initial_delay_seconds,
        timeout_seconds=said.timeout_seconds or 1,
        period_seconds=said.period_seconds or 10,
        failure_threshold=said.failure_threshold or 3,
    )


def _said(probe: ContainerProbe) -> run_v2.Probe:
    """A port that is not named is left out: Cloud Run takes the container's."""
    said = run_v2.Probe(
        initial_delay_seconds=probe.initial_delay_seconds,
        timeout_seconds=probe.timeout_seconds,
        period_seconds=probe.period_seconds,
        failure_threshold=probe.failure_threshold,
    )
    match probe:
        case ContainerProbe(http_get=HttpGet() as http):
            said.http_get = run_v2.HTTPGetAction(path=http.path, port=http.port)
        case ContainerProbe(tcp_socket=TcpSocket() as tcp):
            said.tcp_socket = run_v2.TCPSocketAction(port=tcp.port)
        case ContainerProbe(grpc=Grpc() as grpc):
            said.grpc = run_v2.GRPCAction(port=grpc.port, service=grpc.service)
    return said


PROBES = (
    Setting(
        name="liveness_probe",
        fields=(f"{_FIELD}liveness_probe",),
        read=_read("liveness_probe"),
        write=_write("liveness_probe"),
    ),
    Setting(
        name="readiness_probe",
        fields=(f"{_FIELD}readiness_probe", "launch_stage"),
        read=_read("readiness_probe"),
        write=_set_readiness_probe,
    ),
    Setting(
        name="startup_probe",
        fields=(f"{_FIELD}startup_probe",),
        read=_read("startup_probe"),
        write=_write("startup_probe"),
    ),
)
