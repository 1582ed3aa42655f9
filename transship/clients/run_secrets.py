"""google.cloud.run.v2 EnvVarSource and SecretVolumeSource <-> the secrets of a container.

A directory with secrets is one volume. Those that only other containers mount are not ours.
"""

import hashlib
from typing import Any

from google.cloud import run_v2

from transship.clients.run_setting import Setting, other_containers, place_of, serving_container
from transship.model.secrets import by_directory, parse_version, variables
from transship.model.settings import Pairs, pairs
from transship.model.volumes import SECRET_PREFIX

_LATEST = "latest"


def _read(service: run_v2.Service) -> Any:
    container = serving_container(service)
    own = f"projects/{place_of(service)[0]}/secrets/"
    found: dict[str, str] = {}
    for variable in container.env:
        if "value_source" in variable:
            ref = variable.value_source.secret_key_ref
            found[variable.name] = f"{ref.secret.removeprefix(own)}:{ref.version}"
    volumes = {
        volume.name: volume.secret for volume in service.template.volumes if "secret" in volume
    }
    for mount in container.volume_mounts:
        if mount.name in volumes:
            secret = volumes[mount.name].secret.removeprefix(own)
            for path, version in _files(volumes[mount.name]):
                found[f"{mount.mount_path}/{path}"] = f"{secret}:{version}"
    return pairs(found)


def _files(source: run_v2.SecretVolumeSource) -> list[tuple[str, str]]:
    """Without items there is one file, which has the secret's name."""
    items = [(item.path, item.version or _LATEST) for item in source.items]
    return items or [(source.secret.rpartition("/")[2], _LATEST)]


def _write(service: run_v2.Service, secrets: Any) -> None:
    _write_variables(serving_container(service), variables(secrets))
    _write_files(service, secrets)


def _write_variables(container: run_v2.Container, secrets: dict[str, str]) -> None:
    plain = [v for v in container.env if "value_source" not in v and v.name not in secrets]
    sourced = []
    for name, value in secrets.items():
        secret, version = parse_version(value)
        ref = run_v2.SecretKeySelector(secret=secret, version=version)
        sourced.append(
            run_v2.EnvVar(name=name, value_source=run_v2.EnvVarSource(secret_key_ref=ref))
        )
    container.env = [*plain, *sourced]


def _write_files(service: run_v2.Service, secrets: Pairs) -> None:
    template, container = service.template, serving_container(service)
    of_secrets = {volume.name for volume in template.volumes if "secret" in volume}
    elsewhere = {mount.name for c in other_containers(service) for mount in c.volume_mounts}
    volumes = [v for v in template.volumes if v.name not in of_secrets - elsewhere]
    mounts = [mount for mount in container.volume_mounts if mount.name not in of_secrets]
    for directory, files in by_directory(secrets).items():
        name = _volume_name(directory, files)
        if name not in elsewhere:
            volumes.append(run_v2.Volume(name=name, secret=_source(files)))
        mounts.append(run_v2.VolumeMount(name=name, mount_path=directory))
    template.volumes, container.volume_mounts = volumes, mounts


def _volume_name(directory: str, files: dict[str, str]) -> str:
    """Follows from what is in it, so that one that another container shares is not changed."""
    text = f"{directory} {sorted(files.items())}"
    return f"{SECRET_PREFIX}{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _source(files: dict[str, str]) -> run_v2.SecretVolumeSource:
    versions = {path: parse_version(value) for path, value in files.items()}
    secret = next(iter(versions.values()))[0]
    items = [run_v2.VersionToPath(path=path, version=v) for path, (_, v) in versions.items()]
    return run_v2.SecretVolumeSource(secret=secret, items=items)


SECRETS = (
    Setting(
        name="secrets",
        fields=(
            "template.containers[].env[].value_source.secret_key_ref",
            "template.volumes[].secret",
            "template.containers[].volume_mounts[]",
        ),
        read=_read,
        write=_write,
    ),
)
