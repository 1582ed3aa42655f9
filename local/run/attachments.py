"""What a template may attach to its containers: volumes, secrets and networks.

google/cloud/run_v2/types/k8s_min.py and vendor_settings.py say what the fields mean.
"""

import re
from typing import Any

from google.cloud import run_v2

from local.run.errors import invalid
from local.run.normalise import memory_bytes

_GEN1 = int(run_v2.ExecutionEnvironment.EXECUTION_ENVIRONMENT_GEN1)
# https://cloud.google.com/run/docs/configuring/services/cloud-storage-volume-mounts
_FORBIDDEN_PATHS = ("/dev", "/proc", "/sys")
_CLOUD_SQL_PATH = "/cloudsql"
_INSTANCE = re.compile(r"[^:]+(?::[^:]+)?:[^:]+:[^:]+")
_SECRET = re.compile(r"(?:projects/[^/]+/secrets/)?[A-Za-z0-9_-]{1,255}")
_CONNECTOR = re.compile(r"projects/[^/]+/locations/[^/]+/connectors/[^/]+")
_MOST_MODE = 0o777


def check(template: Any, field: str) -> None:
    _check_volumes(template, f"{field}.volumes")
    for index, container in enumerate(template.containers):
        where = f"{field}.containers[{index}]"
        _check_mounts(template, container, f"{where}.volume_mounts")
        for variable in container.env:
            if variable.HasField("value_source"):
                ref = variable.value_source.secret_key_ref
                _check_secret(ref.secret, ref.version, f"{where}.env[{variable.name!r}]")
    if template.HasField("vpc_access"):
        _check_network(template.vpc_access, f"{field}.vpc_access")


def _check_volumes(template: Any, field: str) -> None:
    seen = set()
    for volume in template.volumes:
        if not volume.name or volume.name in seen:
            raise invalid(field, f"{volume.name!r}: every volume has a name of its own")
        seen.add(volume.name)
        _check_volume(volume, f"{field}[{volume.name!r}]")
        kind = volume.WhichOneof("volume_type")
        if kind in ("gcs", "nfs") and template.execution_environment == _GEN1:
            raise invalid(
                f"{field}[{volume.name!r}]", f"{kind} needs the second generation environment"
            )


def _check_volume(volume: Any, field: str) -> None:
    match volume.WhichOneof("volume_type"):
        case "secret":
            _check_secret_volume(volume.secret, f"{field}.secret")
        case "cloud_sql_instance":
            _check_instances(volume.cloud_sql_instance.instances, field)
        case "empty_dir":
            memory_bytes(volume.empty_dir.size_limit or "0", field=f"{field}.empty_dir.size_limit")
        case "gcs" if not volume.gcs.bucket:
            raise invalid(f"{field}.gcs.bucket", "is required")
        case "nfs" if not volume.nfs.server or not volume.nfs.path.startswith("/"):
            raise invalid(f"{field}.nfs", "a server and an absolute path are required")
        case None:
            raise invalid(field, "is of no type")


def _check_instances(instances: Any, field: str) -> None:
    for instance in instances:
        if not _INSTANCE.fullmatch(instance):
            raise invalid(field, f"{instance!r} is not PROJECT:REGION:INSTANCE")


def _check_secret_volume(source: Any, field: str) -> None:
    _check_secret(source.secret, "latest", field)
    if not 0 <= source.default_mode <= _MOST_MODE:
        raise invalid(f"{field}.default_mode", "between 0000 and 0777")
    paths = [item.path for item in source.items]
    if len(set(paths)) != len(paths) or not all(paths):
        raise invalid(f"{field}.items", "every item has a path of its own")
    for item in source.items:
        _check_secret(source.secret, item.version, f"{field}.items[{item.path!r}]")


def _check_secret(secret: str, version: str, field: str) -> None:
    if not _SECRET.fullmatch(secret):
        raise invalid(field, f"{secret!r} is not SECRET or projects/PROJECT/secrets/SECRET")
    if not version:
        raise invalid(field, "a version is required")


def _check_mounts(template: Any, container: Any, field: str) -> None:
    kinds = {volume.name: volume.WhichOneof("volume_type") for volume in template.volumes}
    seen = set()
    for mount in container.volume_mounts:
        where = f"{field}[{mount.mount_path!r}]"
        if mount.name not in kinds:
            raise invalid(where, f"{mount.name!r} is the name of no volume")
        if kinds[mount.name] == "cloud_sql_instance" and mount.mount_path not in (
            "", _CLOUD_SQL_PATH
        ):  # fmt: skip
            raise invalid(where, f"instances are at {_CLOUD_SQL_PATH}")
        if not mount.mount_path.startswith("/") or ":" in mount.mount_path:
            raise invalid(where, "an absolute path without ':'")
        if any(
            mount.mount_path == p or mount.mount_path.startswith(f"{p}/") for p in _FORBIDDEN_PATHS
        ):
            raise invalid(where, f"not at or below {', '.join(_FORBIDDEN_PATHS)}")
        if mount.mount_path in seen:
            raise invalid(where, "is mounted twice")
        seen.add(mount.mount_path)


def _check_network(access: Any, field: str) -> None:
    if access.connector and access.network_interfaces:
        raise invalid(field, "either a connector or network interfaces")
    if access.connector and not _CONNECTOR.fullmatch(access.connector):
        raise invalid(
            f"{field}.connector", f"{access.connector!r} is no projects/P/locations/R/connectors/C"
        )
    if len(access.network_interfaces) > 1:
        raise invalid(f"{field}.network_interfaces", "only one is supported")
    for interface in access.network_interfaces:
        if not interface.network and not interface.subnetwork:
            raise invalid(f"{field}.network_interfaces", "a network or a subnetwork is required")
