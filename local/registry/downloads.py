"""Blobs behind signed addresses, as object stores and content delivery networks serve them."""

from pathlib import Path

from local.registry.distribution import blob_response, blob_unknown
from local.registry.grants import Grants
from local.registry.wire import Request, Response, error

ADDRESS_SECONDS = 1200


class Downloads:
    """Whoever knows a signed address may read the blob, until the address expires."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    def sign(self, digest: str, path: Path) -> str:
        return self._grants.sign({"blob": digest, "path": str(path)}, ADDRESS_SECONDS)

    def answer(self, request: Request, signature: str, *, other_host: bool) -> Response:
        if other_host and "Authorization" in request.headers:
            # A signed address is a credential, and two are one too many.
            # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
            return error(400, "InvalidArgument", "Only one auth mechanism allowed")
        claims = self._grants.claims(signature)
        if claims is None or "blob" not in claims:
            return error(403, "AccessDenied", "the signature does not match, or has expired")
        path, digest = Path(claims["path"]), str(claims["blob"])
        return blob_response(request, path, digest) if path.exists() else blob_unknown(digest)
