"""Who may invoke a Cloud Run service: the IAM policy, read, changed and written with its etag."""

import stamina
from google.api_core import exceptions
from google.cloud import run_v2
from google.iam.v1 import iam_policy_pb2, policy_pb2

from transship.clients.google_errors import translated
from transship.errors import PublicAccessRefused, ServiceConflict
from transship.model.naming import ServiceName

_API = "run.googleapis.com"
_GRANT = "run.services.getIamPolicy and run.services.setIamPolicy"
_INVOKER = "roles/run.invoker"
_EVERYBODY = "allUsers"
_TIMEOUT = 15.0


class CloudRunAccess:
    def __init__(self, services: run_v2.ServicesClient) -> None:
        self._services = services

    def is_public(self, name: ServiceName) -> bool:
        """Whether anybody may invoke the service; False where there is none yet."""
        try:
            return _is_public(self._read(name))
        except ServiceConflict:
            return False

    @stamina.retry(on=ServiceConflict, attempts=4, wait_initial=0.2, wait_max=2.0)
    def set_public(self, name: ServiceName, *, public: bool) -> None:
        """Bind or unbind allUsers; everybody else's bindings are kept.

        Raises PublicAccessRefused where an organisation's policy forbids it.
        """
        policy = self._read(name)
        if _is_public(policy) == public:
            return
        if public:
            policy.bindings.append(policy_pb2.Binding(role=_INVOKER, members=[_EVERYBODY]))
        else:
            for binding in filter(_lets_everybody, policy.bindings):
                binding.members.remove(_EVERYBODY)
            kept = [binding for binding in policy.bindings if binding.members]
            del policy.bindings[:]
            policy.bindings.extend(kept)
        # The etag that was read stands in the policy: a change in between is a conflict.
        request = iam_policy_pb2.SetIamPolicyRequest(resource=str(name), policy=policy)
        with translated(f"set IAM policy of {name}", api=_API, grant=_GRANT):
            try:
                self._services.set_iam_policy(request, timeout=_TIMEOUT)
            except exceptions.FailedPrecondition as error:
                raise PublicAccessRefused(f"{name} stays private: {error.message}") from error

    def _read(self, name: ServiceName) -> policy_pb2.Policy:
        # Version 3: conditions are shown, and so are not lost when the policy is written back.
        request = iam_policy_pb2.GetIamPolicyRequest(
            resource=str(name), options={"requested_policy_version": 3}
        )
        with translated(f"get IAM policy of {name}", api=_API, grant=_GRANT):
            return self._services.get_iam_policy(request, timeout=_TIMEOUT)


def _is_public(policy: policy_pb2.Policy) -> bool:
    return any(map(_lets_everybody, policy.bindings))


def _lets_everybody(binding: policy_pb2.Binding) -> bool:
    """Without a condition: one with a condition is somebody's own arrangement."""
    return (
        binding.role == _INVOKER
        and _EVERYBODY in binding.members
        and not binding.HasField("condition")
    )
