"""Layers become a root file system: in order, with whiteouts, and never outside it.

https://github.com/opencontainers/image-spec/blob/main/layer.md
"""

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_MAX_LINKS = 40


class BadLayer(Exception):
    """A layer that is not a tar archive, or reaches outside of the image."""


def unpack(blob: IO[bytes], rootfs: Path) -> None:
    """Apply one layer; a gzipped one is told by its content. Device nodes are left out."""
    mine: set[Path] = set()
    try:
        with tarfile.open(fileobj=blob, mode="r:*") as archive:
            for member in archive:
                _apply(archive, member, rootfs, mine)
    except tarfile.TarError as error:
        raise BadLayer(f"not a tar or tar+gzip layer: {error}") from error


def _apply(
    archive: tarfile.TarFile, member: tarfile.TarInfo, rootfs: Path, mine: set[Path]
) -> None:
    path = _place(rootfs, member.name)
    if path == rootfs:
        return
    if path.name == _OPAQUE:
        # It hides what lower layers put there, whatever its place in the archive.
        for child in path.parent.iterdir():
            if child not in mine:
                _remove(child)
    elif path.name.startswith(_WHITEOUT):
        _remove(path.with_name(path.name.removeprefix(_WHITEOUT)))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (member.isdir() and path.is_dir() and not path.is_symlink()):
            _remove(path)
        if _create(archive, member, path, rootfs):
            _own(member, path)
            mine.update([path, *path.parents])


def _create(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path, rootfs: Path) -> bool:
    if member.isdir():
        path.mkdir(exist_ok=True)
    elif member.issym():
        path.symlink_to(member.linkname)
    elif member.islnk():
        os.link(_place(rootfs, member.linkname), path, follow_symlinks=False)
    elif (source := archive.extractfile(member)) is not None:
        with path.open("xb") as target:
            shutil.copyfileobj(source, target)
    else:
        return False
    return True


def _own(member: tarfile.TarInfo, path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, member.uid, member.gid, follow_symlinks=False)
    if not member.issym() and not member.islnk():
        path.chmod(member.mode & 0o7777)
        os.utime(path, (member.mtime, member.mtime))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _place(rootfs: Path, name: str) -> Path:
    """Where *name* is, with the symbolic links above it read as the container would read them.

    A link to ``/etc`` in an image must not let the next entry write to the host's.
    """
    wanted = PurePosixPath(name)
    if wanted.is_absolute() or ".." in wanted.parts:
        raise BadLayer(f"{name!r} reaches outside of the image")
    parts = list(wanted.parts)
    if not parts:
        return rootfs
    return _followed(rootfs, parts[:-1]) / parts[-1]


def _followed(rootfs: Path, parts: list[str]) -> Path:
    here, links = rootfs, 0
    todo = list(parts)
    while todo:
        part = todo.pop(0)
        if part == "..":
            here = here if here == rootfs else here.parent
            continue
        step = here / part
        if not step.is_symlink():
            here = step
            continue
        links += 1
        if links > _MAX_LINKS:
            raise BadLayer(f"too many symbolic links above {'/'.join(parts)!r}")
        target = PurePosixPath(step.readlink())
        if target.is_absolute():
            here = rootfs
        todo = [part for part in target.parts if part != "/"] + todo
    return here
