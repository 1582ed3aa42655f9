"""The volumes of a service's container in normal form, each with the directory that it is at.

google.cloud.run.v2 Volume and VolumeMount; types and options are those of ``gcloud run deploy
--add-volume`` in snake_case. Files with secrets are volumes too, which `secrets` names; Cloud SQL's
sockets are, which `cloudsql_instances` names.
"""

import re
from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct, structs

from transship.model.quantity import format_memory, parse_memory

# google.cloud.run.v2 VolumeMount.mount_path
MountPath = Annotated[str, Meta(max_length=1000, pattern=r"^(/[^/:]+)+\Z", examples=["/data"])]
VolumeName = Annotated[
    str, Meta(max_length=63, pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?\Z", examples=["data"])
]

# The names of the volumes that other fields make.
CLOUD_SQL = "cloudsql"
SECRET_PREFIX = "secret-"  # noqa: S105 - a volume's name, no secret

_INSTANCE = re.compile(r"[a-z](?:[a-z0-9-]{0,96}[a-z0-9])?")
_CONNECTION = re.compile(r"(?:[a-z0-9.-]+:)?[a-z0-9-]+:[a-z0-9-]+:[a-z0-9-]+")


class InMemory(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="in-memory"
):
    """What is in it counts as memory of the container."""

    mount_path: MountPath
    size_limit: Annotated[str, Meta(examples=["512Mi"])] = ""


class CloudStorage(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="type",
    tag="cloud-storage",
):
    """*mount_options* are gcsfuse's, without the leading ``--``."""

    mount_path: MountPath
    bucket: Annotated[
        str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]\Z", examples=["my-bucket"])
    ]
    readonly: bool = False
    mount_options: tuple[str, ...] = ()


class Nfs(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="nfs"
):
    mount_path: MountPath
    location: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9.-]+:/[^:]*\Z", examples=["10.0.0.2:/share"])
    ]
    readonly: bool = False


Volume = InMemory | CloudStorage | Nfs
Volumes = tuple[tuple[str, Volume], ...]


def volumes_of(named: Mapping[str, Volume]) -> Volumes:
    """Raises ValueError, which names the volume."""
    at: dict[str, str] = {}
    for name, volume in sorted(named.items()):
        if name == CLOUD_SQL or name.startswith(SECRET_PREFIX):
            raise ValueError(
                f"the volume {name!r} has the name of one that cloudsql_instances or secrets makes;"
                " right is another"
            )
        if volume.mount_path in at:
            raise ValueError(
                f"the volumes {at[volume.mount_path]!r} and {name!r} are both at"
                f" {volume.mount_path}; right is a directory for each"
            )
        at[volume.mount_path] = name
    return tuple(sorted((name, _normal(volume)) for name, volume in named.items()))


def _normal(volume: Volume) -> Volume:
    if isinstance(volume, InMemory) and volume.size_limit:
        return structs.replace(volume, size_limit=format_memory(parse_memory(volume.size_limit)))
    return volume


def cloud_sql_instance(text: str, *, project: str, region: str) -> str:
    """The connection name; raises ValueError.

    >>> cloud_sql_instance("db", project="sample-project", region="asia-northeast1")
    'sample-project:asia-northeast1:db'
    """
    if _INSTANCE.fullmatch(text):
        return f"{project}:{region}:{text}"
    if not _CONNECTION.fullmatch(text):
        raise ValueError(
            f"the instance {text[:200]!r} is wrong; right is its name, or PROJECT:REGION:NAME"
        )
    return text
