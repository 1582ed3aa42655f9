"""Data-access audit log entries of Docker traffic, as Artifact Registry writes them.

https://docs.cloud.google.com/artifact-registry/docs/audit-logging
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from http import HTTPStatus
from typing import Any

from local.registry.wire import Request

_METHODS = {"GET": "Docker-GetManifest", "HEAD": "Docker-HeadManifest"}
_CODES = {HTTPStatus.FORBIDDEN: 7, HTTPStatus.NOT_FOUND: 5, HTTPStatus.TOO_MANY_REQUESTS: 8}
_UNAVAILABLE = 14
_PERMISSION = "artifactregistry.repositories.downloadArtifacts"


class Logged(Enum):
    """Which entries there are: what a successful read writes has never been published."""

    WITH_DIGEST = "resourceName ends with the digest that was served"
    WITHOUT_DIGEST = "resourceName ends with the image, as in the entries that are known"
    HEAD_ONLY = "as WITHOUT_DIGEST, and a GET is not logged"
    NOTHING = "no entry, as with data-access logs switched off"

    def covers(self, method: str) -> bool:
        if self is Logged.HEAD_ONLY:
            return method == "HEAD"
        return self is not Logged.NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRead:
    """One request for a manifest, answered."""

    project: str
    location: str
    repository: str
    image: str
    principal: str
    digest: str  # "" when none was served
    status: int


def entry(read: ManifestRead, request: Request, logged: Logged, now: datetime) -> dict[str, Any]:
    """The LogEntry of *read*, in the form in which a log sink exports it."""
    repository = f"projects/{read.project}/locations/{read.location}/repositories/{read.repository}"
    resource = f"{repository}/dockerImages/{read.image.replace('/', '%2F')}"
    if logged is Logged.WITH_DIGEST and read.digest:
        resource += f"@{read.digest}"
    method = _METHODS[request.method]
    succeeded = read.status == HTTPStatus.OK
    time = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "status": {} if succeeded else _status(read.status, request),
            "authenticationInfo": {
                "principalEmail": read.principal,
                "principalSubject": f"serviceAccount:{read.principal}",
            },
            "requestMetadata": {
                "callerIp": request.address,
                "callerSuppliedUserAgent": f"{request.headers.get('User-Agent', '')},gzip(gfe)",
                "requestAttributes": {},
                "destinationAttributes": {},
            },
            "serviceName": "artifactregistry.googleapis.com",
            "methodName": method,
            "authorizationInfo": [
                {
                    "resource": repository,
                    "permission": _PERMISSION,
                    "granted": read.status != HTTPStatus.FORBIDDEN,
                    "resourceAttributes": {},
                    "permissionType": "DATA_READ",
                }
            ],
            "resourceName": resource,
            "request": {
                "@type": "type.googleapis.com/google.logging.type.HttpRequest",
                "requestMethod": request.method,
                "requestUrl": request.path,
            },
            "resourceLocation": {
                "currentLocations": [read.location],
                "originalLocations": [read.location],
            },
        },
        "insertId": uuid.uuid4().hex[:14],
        "resource": {
            "type": "audited_resource",
            "labels": {
                "project_id": read.project,
                "method": method,
                "service": "artifactregistry.googleapis.com",
            },
        },
        "timestamp": time,
        "severity": "INFO" if succeeded else "ERROR",
        "logName": f"projects/{read.project}/logs/cloudaudit.googleapis.com%2Fdata_access",
        "receiveTimestamp": time,
    }


def _status(status: int, request: Request) -> dict[str, Any]:
    code = _CODES.get(HTTPStatus(status), _UNAVAILABLE)
    reference = request.path.rsplit("/", 1)[-1]
    messages = {
        5: f'generic::not_found: Failed to fetch "{reference}"',
        7: f"generic::permission_denied: Permission {_PERMISSION!r} denied",
        8: "generic::resource_exhausted: Resource has been exhausted (e.g. check quota).",
    }
    return {"code": code, "message": messages.get(code, "generic::unavailable")}
