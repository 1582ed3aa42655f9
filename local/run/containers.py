"""What a container is asked to be, and what a runtime must give: a process that can be dialled.

Every container has a network of its own, so that two of them can listen on port 80 and ``$PORT`` is
what the service says. https://cloud.google.com/run/docs/container-contract
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from local.run.errors import unsupported

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Container(Protocol):
    def dial(self, port: int) -> socket.socket:
        """A connection to what listens on *port* inside; OSError if nothing does."""

    def alive(self) -> bool: ...

    def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after *grace* seconds; returns when nothing of it is left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    rootfs: Path
    argv: Sequence[str]
    environment: Mapping[str, str]
    directory: str
    uid: int
    gid: int
    tmpfs: Sequence[str]
    port: int
    log: Path
    # A sidecar shares the network of the container that serves.
    beside: Container | None


class Runtime(Protocol):
    name: str

    def start(self, launch: Launch) -> Container: ...

    def close(self) -> None: ...


def prepared(
    revision: Any, index: int, image: Any, *, port: int, log_file: Path, beside: Container | None
) -> Launch:
    """How container *index* of a revision's message is to be started from its *image*."""
    container = revision.containers[index]
    config = image.config
    service = revision.service.rsplit("/", 1)[-1]
    environment = {"PATH": _PATH, "HOME": "/root"}
    environment.update(entry.partition("=")[::2] for entry in config.get("Env") or [])
    for variable in container.env:
        if variable.HasField("value_source"):
            raise unsupported(f"the secret of variable {variable.name}")
        environment[variable.name] = variable.value
    environment.update(K_SERVICE=service, K_REVISION=revision.name.rsplit("/", 1)[-1])
    environment.update(K_CONFIGURATION=service)
    if beside is None:
        environment.update(PORT=str(port))
    if container.command:
        argv = [*container.command, *container.args]
    else:
        argv = [*(config.get("Entrypoint") or []), *(container.args or config.get("Cmd") or [])]
    if not argv:
        raise unsupported("an image without entrypoint and command")
    uid, gid = account(image.rootfs, config.get("User") or "")
    return Launch(
        rootfs=image.rootfs,
        argv=argv,
        environment=environment,
        directory=container.working_dir or config.get("WorkingDir") or "/",
        uid=uid,
        gid=gid,
        tmpfs=_tmpfs(revision, container),
        port=port,
        log=log_file,
        beside=beside,
    )


def _tmpfs(revision: Any, container: Any) -> list[str]:
    empty = {v.name for v in revision.volumes if v.WhichOneof("volume_type") == "empty_dir"}
    for mount in container.volume_mounts:
        if mount.name not in empty:
            raise unsupported(f"volume {mount.name}, which is not an empty_dir")
    return [mount.mount_path for mount in container.volume_mounts]


def account(rootfs: Path, user: str) -> tuple[int, int]:
    """The ids of an image's ``USER``, which may be names of its own ``/etc/passwd``."""
    name, _, group = user.partition(":")
    uid, gid = (int(name), 0) if name.isdigit() else (0, 0)
    if name and not name.isdigit():
        entry = _entry(rootfs, "passwd", name)
        uid, gid = int(entry[2]), int(entry[3])
    if group:
        gid = int(group) if group.isdigit() else int(_entry(rootfs, "group", group)[2])
    return uid, gid


def _entry(rootfs: Path, database: str, name: str) -> list[str]:
    path = rootfs / "etc" / database
    # A link could lead out of the image.
    if path.is_file() and path.resolve().is_relative_to(rootfs.resolve()):
        for line in path.read_text(errors="replace").splitlines():
            fields = line.split(":")
            if fields[0] == name and len(fields) > 3:  # noqa: PLR2004 - name:password:id:more
                return fields
    raise unsupported(f"user {name!r}, which the image's /etc/{database} does not name")
