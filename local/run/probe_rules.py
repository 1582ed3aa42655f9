"""What a container's probes may be.

google/cloud/run_v2/types/k8s_min.py, Probe; https://cloud.google.com/run/docs/configuring/healthchecks
"""

from typing import Any

from google.api import launch_stage_pb2

from local.run.errors import invalid

_MOST_STARTUP_SECONDS = 240
_MOST_SECONDS = 3600


def check(service: Any, container: Any, field: str) -> None:
    for name, most in (
        ("startup_probe", _MOST_STARTUP_SECONDS),
        ("liveness_probe", _MOST_SECONDS),
        ("readiness_probe", _MOST_SECONDS),
    ):
        if container.HasField(name):
            _check_probe(getattr(container, name), f"{field}.{name}", most=most)
    for name in ("liveness_probe", "readiness_probe"):
        if getattr(container, name).WhichOneof("probe_type") == "tcp_socket":
            raise invalid(f"{field}.{name}", "tcp_socket is for startup probes only")
    if container.HasField("readiness_probe") and service.launch_stage == launch_stage_pb2.GA:
        # https://github.com/google-github-actions/deploy-cloudrun/issues/35, for another feature.
        raise invalid(
            f"{field}.readiness_probe",
            "The feature 'readiness probe' is not supported in the declared launch stage on"
            f" resource {service.name}. The launch stage annotation should be specified at least as"
            " BETA.",
        )


def _check_probe(probe: Any, field: str, *, most: int) -> None:
    if probe.WhichOneof("probe_type") is None:
        raise invalid(field, "exactly one of http_get, tcp_socket and grpc")
    for name, least in (
        ("initial_delay_seconds", 0),
        ("timeout_seconds", 1),
        ("period_seconds", 1),
    ):
        if not least <= getattr(probe, name) <= most:
            raise invalid(f"{field}.{name}", f"between {least} and {most}")
    if probe.failure_threshold < 1:
        raise invalid(f"{field}.failure_threshold", "at least 1")
    if probe.timeout_seconds > probe.period_seconds:
        raise invalid(f"{field}.timeout_seconds", "must not exceed period_seconds")
