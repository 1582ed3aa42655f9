"""A remote repository as Artifact Registry's API describes it over REST, newer fields included.

https://docs.cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories
"""

from typing import Any

from local.registry.remote import Remote
from local.registry.wire import Request, Response, json_response


def description(remote: Remote, path: str) -> dict[str, Any]:
    """*path* is the one that was asked for."""
    return {
        "name": path.removeprefix("/v1/"),
        "format": "DOCKER",
        "mode": "REMOTE_REPOSITORY",
        "remoteRepositoryConfig": {
            "commonRepository": {"uri": f"https://{remote.upstream.registry}"},
            **({"noCache": {}} if remote.is_connector else {}),
        },
    }


def api_denied(request: Request) -> Response:
    """The same for no permission and for no repository; whatever else is asked is refused too."""
    message = f"Permission denied on resource {request.path!r} (or it may not exist)"
    document = {"error": {"code": 403, "message": message, "status": "PERMISSION_DENIED"}}
    return json_response(403, document)
