"""google.cloud.run.v2 Volume and VolumeMount <-> the volumes of a container, and Cloud SQL's.

Volumes that only other containers mount are kept, and not shown.
"""

from collections.abc import Callable
from typing import Any

from google.cloud import run_v2

from transship.clients.run_setting import Setting, other_containers, serving_container
from transship.model.quantity import format_memory, parse_memory
from transship.model.volumes import CLOUD_SQL, CloudStorage, InMemory, Nfs, Volume

# google.cloud.run.v2 VolumeMount.mount_path
_CLOUD_SQL_PATH = "/cloudsql"
_KINDS = ("empty_dir", "gcs", "nfs")


def _volumes(service: run_v2.Service) -> Any:
    """One that is mounted twice is there twice, and so is not what any message names."""
    said = {v.name: v for v in service.template.volumes if _is_ours(v)}
    mounts = [m for m in serving_container(service).volume_mounts if m.name in said]
    return tuple(
        sorted(
            ((mount.name, _volume(said[mount.name], mount.mount_path)) for mount in mounts),
            key=lambda named: (named[0], named[1].mount_path),
        )
    )


def _is_ours(volume: run_v2.Volume) -> bool:
    return any(kind in volume for kind in _KINDS)


def _volume(said: run_v2.Volume, path: str) -> Volume:
    if "gcs" in said:
        return CloudStorage(
            mount_path=path,
            bucket=said.gcs.bucket,
            readonly=said.gcs.read_only,
            mount_options=tuple(said.gcs.mount_options),
        )
    if "nfs" in said:
        location = f"{said.nfs.server}:{said.nfs.path}"
        return Nfs(mount_path=path, location=location, readonly=said.nfs.read_only)
    return InMemory(mount_path=path, size_limit=_size(said.empty_dir.size_limit))


def _size(text: str) -> str:
    try:
        return format_memory(parse_memory(text)) if text else ""
    except ValueError:
        return text


def _set_volumes(service: run_v2.Service, value: Any) -> None:
    named = dict(value)
    _replace(
        service,
        is_replaced=_is_ours,
        volumes=[_said(name, volume) for name, volume in named.items()],
        mounts=[
            run_v2.VolumeMount(name=name, mount_path=volume.mount_path)
            for name, volume in named.items()
        ],
    )


def _said(name: str, volume: Volume) -> run_v2.Volume:
    match volume:
        case CloudStorage():
            gcs = run_v2.GCSVolumeSource(
                bucket=volume.bucket,
                read_only=volume.readonly,
                mount_options=list(volume.mount_options),
            )
            return run_v2.Volume(name=name, gcs=gcs)
        case Nfs():
            server, _, path = volume.location.partition(":")
            nfs = run_v2.NFSVolumeSource(server=server, path=path, read_only=volume.readonly)
            return run_v2.Volume(name=name, nfs=nfs)
        case InMemory():
            memory = run_v2.EmptyDirVolumeSource.Medium.MEMORY
            empty_dir = run_v2.EmptyDirVolumeSource(medium=memory, size_limit=volume.size_limit)
            return run_v2.Volume(name=name, empty_dir=empty_dir)


def _instances(service: run_v2.Service) -> Any:
    mounted = {mount.name for mount in serving_container(service).volume_mounts}
    return tuple(
        sorted(
            instance
            for volume in service.template.volumes
            if volume.name in mounted
            for instance in volume.cloud_sql_instance.instances
        )
    )


def _set_instances(service: run_v2.Service, value: Any) -> None:
    instances = run_v2.CloudSqlInstance(instances=list(value))
    _replace(
        service,
        is_replaced=lambda volume: "cloud_sql_instance" in volume,
        volumes=[run_v2.Volume(name=CLOUD_SQL, cloud_sql_instance=instances)] if value else [],
        mounts=[run_v2.VolumeMount(name=CLOUD_SQL, mount_path=_CLOUD_SQL_PATH)] if value else [],
    )


def _replace(
    service: run_v2.Service,
    *,
    is_replaced: Callable[[run_v2.Volume], bool],
    volumes: list[run_v2.Volume],
    mounts: list[run_v2.VolumeMount],
) -> None:
    """Of the serving container; what another one mounts stays, and has the new content by name."""
    template, container = service.template, serving_container(service)
    elsewhere = {mount.name for c in other_containers(service) for mount in c.volume_mounts}
    replaced = {volume.name for volume in template.volumes if is_replaced(volume)}
    gone = (replaced - elsewhere) | {volume.name for volume in volumes}
    kept = [volume for volume in template.volumes if volume.name not in gone]
    mounted = [mount for mount in container.volume_mounts if mount.name not in replaced]
    template.volumes = [*kept, *volumes]
    container.volume_mounts = [*mounted, *mounts]


VOLUMES = (
    Setting(
        name="cloudsql_instances",
        fields=(
            "template.volumes[].cloud_sql_instance",
            "template.containers[].volume_mounts[]",
        ),
        read=_instances,
        write=_set_instances,
    ),
    Setting(
        name="volumes",
        fields=(
            *(f"template.volumes[].{kind}" for kind in _KINDS),
            "template.containers[].volume_mounts[]",
        ),
        read=_volumes,
        write=_set_volumes,
    ),
)
