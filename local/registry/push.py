"""The pushing half of the distribution API, as far as skopeo and docker use it.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#push
"""

import json
from collections.abc import Iterator
from typing import BinaryIO

from local.registry.content import DigestMismatch, Store
from local.registry.distribution import DIGEST, TAG, Route, named_by, unsupported
from local.registry.wire import MANIFEST_LIMIT, Refused, Request, Response, error

CHUNK = 1024 * 1024


def push(store: Store, request: Request, route: Route) -> Response:
    if route.what == "uploads":
        return _upload(store, request, route)
    if route.what == "manifests" and request.method == "PUT":
        return _put_manifest(store, request, route)
    return unsupported()


def _upload(store: Store, request: Request, route: Route) -> Response:
    if request.method == "POST" and not route.key:
        # A mount from another repository is declined, as the specification allows.
        upload = store.start_upload()
        if request.parameter("digest"):
            return _finish(store, request, route.name, upload)
        return _accepted(route.name, upload, 0)
    if not store.has_upload(route.key):
        return error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
    match request.method:
        case "PATCH":
            size = store.append(route.key, _chunks(request.body))
            answer = _accepted(route.name, route.key, size)
        case "PUT":
            answer = _finish(store, request, route.name, route.key)
        case "DELETE":
            store.drop_upload(route.key)
            answer = Response(status=204)
        case _:
            answer = unsupported()
    return answer


def _accepted(name: str, upload: str, size: int) -> Response:
    return Response(
        status=202,
        headers={
            "Docker-Upload-Uuid": upload,
            "Location": f"/v2/{name}/blobs/uploads/{upload}",
            "Range": f"0-{max(size - 1, 0)}",
        },
    )


def _finish(store: Store, request: Request, name: str, upload: str) -> Response:
    digest = request.parameter("digest")
    store.append(upload, _chunks(request.body))
    try:
        store.finish_upload(upload, name, digest)
    except DigestMismatch as mismatch:
        return error(
            400,
            "DIGEST_INVALID",
            "provided digest did not match uploaded content",
            detail=str(mismatch),
        )
    return _created(f"/v2/{name}/blobs/{digest}", digest)


def _put_manifest(store: Store, request: Request, route: Route) -> Response:
    content = request.body.read(MANIFEST_LIMIT + 1)
    if len(content) > MANIFEST_LIMIT:
        return error(413, "SIZE_INVALID", f"a manifest has at most {MANIFEST_LIMIT} bytes")
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip()
    _check_named(store, route.name, media_type, content)
    by_digest = bool(DIGEST.fullmatch(route.key))
    if not by_digest and not TAG.fullmatch(route.key):
        return error(400, "TAG_INVALID", f"not a tag: {route.key}")
    digest = store.add_manifest(route.name, media_type, content)
    if not by_digest:
        store.set_tag(route.name, route.key, digest)
    elif digest != route.key:
        store.delete_manifest(route.name, digest)
        return error(400, "DIGEST_INVALID", f"{digest} instead of {route.key}")
    return _created(f"/v2/{route.name}/manifests/{digest}", digest)


def _check_named(store: Store, name: str, media_type: str, content: bytes) -> None:
    """Refuse a manifest that cannot be read, or that names what is not here."""
    try:
        manifests, blobs = named_by(media_type, content)
    except (KeyError, TypeError, json.JSONDecodeError) as problem:
        raise Refused(
            error(400, "MANIFEST_INVALID", "manifest invalid", detail=repr(problem))
        ) from problem
    missing = [digest for digest in blobs if store.blob(name, digest) is None]
    missing += [digest for digest in manifests if store.manifest(name, digest) is None]
    if missing:
        raise Refused(
            error(
                404,
                "MANIFEST_BLOB_UNKNOWN",
                "manifest references a manifest or blob unknown to registry",
                detail={"digest": missing[0]},
            )
        )


def _created(location: str, digest: str) -> Response:
    return Response(status=201, headers={"Docker-Content-Digest": digest, "Location": location})


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk
