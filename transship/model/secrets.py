"""Secrets of Secret Manager that a service gets, named as ``gcloud run deploy --set-secrets`` does.

``NAME: "SECRET:VERSION"`` is an environment variable, ``/DIRECTORY/FILE: "SECRET:VERSION"`` a file.
A directory is one volume, and so of one secret (google.cloud.run.v2 SecretVolumeSource). Variables
share their names with those that are no secrets.
"""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from transship.model.settings import Pairs, pairs

SecretKey = Annotated[
    str,
    Meta(
        max_length=1024,
        pattern=r"^([A-Za-z_][A-Za-z0-9_.-]*|(/[^/:]+){2,})\Z",
        examples=["DB_PASSWORD", "/secrets/db/password"],
    ),
]
SecretVersion = Annotated[
    str,
    Meta(
        max_length=512,
        pattern=r"^(projects/[a-z0-9.:-]+/secrets/)?[A-Za-z0-9_-]+:[A-Za-z0-9_-]+\Z",
        examples=["db-password:3", "db-password:latest"],
    ),
]


def secrets_of(named: Mapping[str, str], *, project: str) -> Pairs:
    """Raises ValueError where a directory would have files of two secrets.

    >>> secrets_of({"KEY": "projects/sample-project/secrets/key:1"}, project="sample-project")
    (('KEY', 'key:1'),)
    """
    own = f"projects/{project}/secrets/"
    normal = pairs({key: value.removeprefix(own) for key, value in named.items()})
    for directory, files in by_directory(normal).items():
        secrets = sorted({parse_version(value)[0] for value in files.values()})
        if len(secrets) > 1:
            raise ValueError(
                f"{directory} would have files of {' and '.join(secrets)}; right is a directory for"
                " each secret"
            )
    return normal


def variables(secrets: Pairs) -> dict[str, str]:
    return {key: value for key, value in secrets if not is_file(key)}


def by_directory(secrets: Pairs) -> dict[str, dict[str, str]]:
    """The files among *secrets*: file name to version, by directory."""
    found: dict[str, dict[str, str]] = {}
    for key, value in secrets:
        if is_file(key):
            directory, _, name = key.rpartition("/")
            found.setdefault(directory, {})[name] = value
    return found


def is_file(key: str) -> bool:
    return key.startswith("/")


def parse_version(value: str) -> tuple[str, str]:
    """
    >>> parse_version("projects/other-project/secrets/key:latest")
    ('projects/other-project/secrets/key', 'latest')
    """
    secret, _, version = value.rpartition(":")
    return secret, version
