"""What a registry stores: blobs by digest, and per repository its manifests, tags and blobs.

On disk, one file each, so that a layer of any size costs no memory:

    blobs/sha256/<hex>                             shared by all repositories
    repositories/<name>/_manifests/<hex>           {"media_type", "created", "updated"}
    repositories/<name>/_tags/<tag>                the digest
    repositories/<name>/_blobs/<hex>               empty: this repository may serve it
    uploads/<id>

A component of a name begins with a letter or a digit, so the underscores cannot collide.
"""

import hashlib
import json
import shutil
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from local.clock import Clock


class DigestMismatch(ValueError):
    """Content that is not what its digest says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A manifest in a repository."""

    digest: str
    media_type: str
    content: bytes
    created: datetime
    updated: datetime


class Store:
    def __init__(self, root: Path, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._lock = threading.RLock()
        for folder in ("blobs/sha256", "repositories", "uploads"):
            (root / folder).mkdir(parents=True, exist_ok=True)

    # Blobs

    def blob_path(self, digest: str) -> Path:
        return self._root / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def blob(self, repository: str, digest: str) -> Path | None:
        """The file of a blob that *repository* may serve."""
        linked = self._folder(repository, "_blobs") / digest.removeprefix("sha256:")
        path = self.blob_path(digest)
        return path if linked.exists() and path.exists() else None

    def add_blob(self, repository: str, digest: str, chunks: Iterable[bytes]) -> None:
        if not self.blob_path(digest).exists():
            upload = self.start_upload()
            self.append(upload, chunks)
            self.finish_upload(upload, repository, digest)
        self.link_blob(repository, digest)

    def link_blob(self, repository: str, digest: str) -> None:
        self._touch(repository, "_blobs", digest.removeprefix("sha256:"), "")

    def take_out(self, repository: str, digest: str) -> Path:
        """Forget a blob; the file that it is in now, for whoever still reads it."""
        (self._folder(repository, "_blobs") / digest.removeprefix("sha256:")).unlink()
        return self.blob_path(digest).rename(self._upload_path(uuid.uuid4().hex))

    # Uploads

    def start_upload(self) -> str:
        upload = uuid.uuid4().hex
        self._upload_path(upload).touch()
        return upload

    def has_upload(self, upload: str) -> bool:
        return upload.isalnum() and self._upload_path(upload).exists()

    def append(self, upload: str, chunks: Iterable[bytes]) -> int:
        """Add to an upload; the bytes that it has now."""
        with self._upload_path(upload).open("ab") as file:
            file.writelines(chunks)
            return file.tell()

    def finish_upload(self, upload: str, repository: str, digest: str) -> None:
        path = self._upload_path(upload)
        with path.open("rb") as file:
            actual = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        if actual != digest:
            path.unlink()
            raise DigestMismatch(f"{actual} instead of {digest}")
        path.replace(self.blob_path(digest))
        self.link_blob(repository, digest)

    def drop_upload(self, upload: str) -> None:
        self._upload_path(upload).unlink(missing_ok=True)

    # Manifests and tags

    def add_manifest(self, repository: str, media_type: str, content: bytes) -> str:
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        with self._lock:
            if self.manifest(repository, digest) is None:
                self.add_blob(repository, digest, [content])
                now = self._clock.now().isoformat()
                record = {"media_type": media_type, "created": now, "updated": now}
                self._touch(
                    repository,
                    "_manifests",
                    digest.removeprefix("sha256:"),
                    json.dumps(record),
                )
        return digest

    def manifest(self, repository: str, digest: str) -> Stored | None:
        path = self._folder(repository, "_manifests") / digest.removeprefix("sha256:")
        with self._lock:
            if not path.exists():
                return None
            record = json.loads(path.read_text())
        return Stored(
            digest=digest,
            media_type=record["media_type"],
            content=self.blob_path(digest).read_bytes(),
            created=datetime.fromisoformat(record["created"]),
            updated=datetime.fromisoformat(record["updated"]),
        )

    def manifests(self, repository: str) -> list[Stored]:
        with self._lock:
            found = [
                self.manifest(repository, f"sha256:{path.name}")
                for path in sorted(self._files(repository, "_manifests"))
            ]
        return [stored for stored in found if stored is not None]

    def delete_manifest(self, repository: str, digest: str) -> None:
        with self._lock:
            for tag, target in self.tags(repository).items():
                if target == digest:
                    self.delete_tag(repository, tag)
            path = self._folder(repository, "_manifests") / digest.removeprefix("sha256:")
            path.unlink(missing_ok=True)

    def set_tag(self, repository: str, tag: str, digest: str) -> None:
        with self._lock:
            self._touch(repository, "_tags", tag, digest)
            path = self._folder(repository, "_manifests") / digest.removeprefix("sha256:")
            record = json.loads(path.read_text())
            record["updated"] = self._clock.now().isoformat()
            self._touch(repository, "_manifests", path.name, json.dumps(record))

    def delete_tag(self, repository: str, tag: str) -> bool:
        path = self._folder(repository, "_tags") / tag
        with self._lock:
            existed = path.exists()
            path.unlink(missing_ok=True)
        return existed

    def tags(self, repository: str) -> dict[str, str]:
        """Every tag and its digest, in the order of the specification: lexical."""
        with self._lock:
            return {
                path.name: path.read_text() for path in sorted(self._files(repository, "_tags"))
            }

    def resolve(self, repository: str, reference: str) -> Stored | None:
        """The manifest that a tag or a digest names."""
        with self._lock:
            digest = reference if ":" in reference else self.tags(repository).get(reference, "")
            return self.manifest(repository, digest) if digest else None

    # Repositories

    def repositories(self) -> list[str]:
        root = self._root / "repositories"
        return sorted(str(path.parent.relative_to(root)) for path in root.rglob("_manifests"))

    def has_repository(self, repository: str) -> bool:
        return self._folder(repository, "_manifests").exists()

    def delete_repository(self, repository: str) -> None:
        with self._lock:
            for kind in ("_manifests", "_tags", "_blobs"):
                shutil.rmtree(self._folder(repository, kind), ignore_errors=True)

    def _folder(self, repository: str, kind: str) -> Path:
        return self._root / "repositories" / repository / kind

    def _files(self, repository: str, kind: str) -> list[Path]:
        folder = self._folder(repository, kind)
        return list(folder.iterdir()) if folder.exists() else []

    def _upload_path(self, upload: str) -> Path:
        return self._root / "uploads" / upload

    def _touch(self, repository: str, kind: str, name: str, text: str) -> None:
        folder = self._folder(repository, kind)
        folder.mkdir(parents=True, exist_ok=True)
        # Renamed into place, because readers of blobs take no lock.
        new = self._root / "uploads" / uuid.uuid4().hex
        new.write_text(text)
        new.replace(folder / name)
