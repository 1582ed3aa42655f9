"""Who may invoke a service: its IAM policy, and the local tokens that say who asks.

https://cloud.google.com/run/docs/authenticating/public, google/iam/v1/iam_policy.proto
"""

import base64
import threading
from collections.abc import Mapping
from typing import Any

import grpc
from google.iam.v1 import iam_policy_pb2, policy_pb2

from local.run.behaviour import Behaviour
from local.run.errors import ApiError
from local.run.fleet import Fleet
from local.run.messages import copied

INVOKER = "roles/run.invoker"
_TOKEN = "Bearer ya29.local."
_EVERYBODY = "allUsers"
_KNOWN = "allAuthenticatedUsers"


def principal(authorization: str) -> str | None:
    """
    >>> principal("Bearer ya29.local.me@example.com"), principal("Bearer eyJhbGciOi")
    ('me@example.com', None)
    """
    return authorization.removeprefix(_TOKEN) if authorization.startswith(_TOKEN) else None


class Policies:
    """The policies of services, by full name: absent until set, lost with the service.

    *invokers* are accounts whose role on the project lets them invoke every service.
    """

    def __init__(self, fleet: Fleet, behaviour: Behaviour) -> None:
        self._fleet = fleet
        self._behaviour = behaviour
        self._lock = threading.Lock()
        # Keyed by the service's uid: another service of the same name starts closed.
        self._policies: dict[str, Any] = {}
        self._writes = 0
        self.invokers: set[str] = set()

    def get(self, request: Any, _principal: str) -> Any:
        uid = self._uid(request.resource)
        with self._lock:
            return copied(self._policy(uid))

    def set(self, request: Any, _principal: str) -> Any:
        uid = self._uid(request.resource)
        for binding in request.policy.bindings:
            if _EVERYBODY in binding.members and not self._behaviour.public_allowed:
                raise ApiError(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    "One or more users named in the policy do not belong to a permitted customer, "
                    "perhaps due to an organization policy.",
                )
        with self._lock:
            current = self._policy(uid)
            if request.policy.etag and request.policy.etag != current.etag:
                raise ApiError(
                    grpc.StatusCode.ABORTED,
                    "There were concurrent policy changes. Please retry the whole "
                    "read-modify-write with exponential backoff.",
                )
            policy = copied(request.policy)
            policy.version = policy.version or 1
            self._writes += 1
            policy.etag = _etag(self._writes)
            self._policies[uid] = policy
            return copied(policy)

    def test(self, request: Any, _principal: str) -> Any:
        """Everybody may do everything here: faults are how a test takes a permission away."""
        self._uid(request.resource)
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=request.permissions)

    def may_invoke(self, service: Any, headers: Mapping[str, str]) -> bool:
        if service.invoker_iam_disabled:
            return True
        caller = principal(headers.get("authorization", ""))
        if caller in self.invokers:
            return True
        with self._lock:
            members = {
                member
                for binding in self._policy(service.uid).bindings
                if binding.role == INVOKER
                for member in binding.members
            }
        if caller is not None and _KNOWN in members:
            return True
        wanted = {_EVERYBODY, f"serviceAccount:{caller}", f"user:{caller}"}
        return bool(members & wanted)

    def _uid(self, resource: str) -> str:
        return str(self._fleet.record(resource).message.uid)

    def _policy(self, uid: str) -> Any:
        return self._policies.get(uid) or policy_pb2.Policy(version=1, etag=_etag(0))


def _etag(write: int) -> bytes:
    return base64.b64encode(b"BwX" + write.to_bytes(5, "big"))
