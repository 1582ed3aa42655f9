"""The gRPC surface: which method is whose, who asks, and a loud no to everything else.

The client library ships no server stubs, so the methods are registered by name.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import grpc
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from local.run import messages
from local.run.behaviour import Call, Journal
from local.run.errors import ApiError
from local.run.iam import Policies, principal
from local.run.operations import Operations
from local.run.revisions import Revisions
from local.run.services import Services

log = logging.getLogger(__name__)

_SERVICES = "google.cloud.run.v2.Services"
_REVISIONS = "google.cloud.run.v2.Revisions"
_OPERATIONS = "google.longrunning.Operations"
_OURS = ("/google.cloud.run.", f"/{_OPERATIONS}/")
# The insecure channels of tests carry no credentials; whoever says nothing is this account.
UNNAMED = "transship-deploy@sample-project.iam.gserviceaccount.com"

_Answer = Callable[[Any, str], Any]


class Surface(grpc.GenericRpcHandler):
    """Everything that a server of the Cloud Run Admin API answers."""

    def __init__(
        self,
        *,
        services: Services,
        revisions: Revisions,
        operations: Operations,
        policies: Policies,
        journal: Journal,
    ) -> None:
        self._journal = journal
        m, p, o = messages, iam_policy_pb2, operations_pb2
        self._handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]] = {
            f"/{service}/{method}": self._handler(method, request, response, answer)
            for service, method, request, response, answer in (
                (_SERVICES, "CreateService", m.CreateServiceRequest, o.Operation, services.create),
                (_SERVICES, "GetService", m.GetServiceRequest, m.Service, services.get),
                (_SERVICES, "ListServices", m.ListServicesRequest, m.ListServicesResponse,
                 services.list),
                (_SERVICES, "UpdateService", m.UpdateServiceRequest, o.Operation, services.update),
                (_SERVICES, "DeleteService", m.DeleteServiceRequest, o.Operation, services.delete),
                (_SERVICES, "GetIamPolicy", p.GetIamPolicyRequest, policy_pb2.Policy, policies.get),
                (_SERVICES, "SetIamPolicy", p.SetIamPolicyRequest, policy_pb2.Policy, policies.set),
                (_SERVICES, "TestIamPermissions", p.TestIamPermissionsRequest,
                 p.TestIamPermissionsResponse, policies.test),
                (_REVISIONS, "GetRevision", m.GetRevisionRequest, m.Revision, revisions.get),
                (_REVISIONS, "ListRevisions", m.ListRevisionsRequest, m.ListRevisionsResponse,
                 revisions.list),
                (_REVISIONS, "DeleteRevision", m.DeleteRevisionRequest, o.Operation,
                 revisions.delete),
                (_OPERATIONS, "GetOperation", o.GetOperationRequest, o.Operation, operations.get),
                (_OPERATIONS, "WaitOperation", o.WaitOperationRequest, o.Operation,
                 operations.wait),
                (_OPERATIONS, "ListOperations", o.ListOperationsRequest, o.ListOperationsResponse,
                 operations.list),
                (_OPERATIONS, "DeleteOperation", o.DeleteOperationRequest, Empty,
                 operations.delete),
            )
        }  # fmt: skip

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        method = handler_call_details.method
        known = self._handlers.get(method)
        if known is None and method.startswith(_OURS):
            return _refusal(method)
        return known

    def _handler(
        self, method: str, request: Any, response: Any, answer: _Answer
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        def behave(message: Any, context: grpc.ServicerContext) -> Any:
            try:
                caller = _caller(context)
                with self._journal.during(_call(method, message, caller)):
                    return answer(message, caller)
            except ApiError as error:
                context.abort(error.code, error.message)

        return grpc.unary_unary_rpc_method_handler(
            behave,
            request_deserializer=request.FromString,
            response_serializer=response.SerializeToString,
        )


def _caller(context: grpc.ServicerContext) -> str:
    metadata = dict(context.invocation_metadata() or ())
    authorization = str(metadata.get("authorization", ""))
    if not authorization:
        return UNNAMED
    known = principal(authorization)
    if known is None:
        raise ApiError(
            grpc.StatusCode.UNAUTHENTICATED,
            "Request had invalid authentication credentials: expected a token ya29.local.EMAIL",
        )
    return known


def _call(method: str, message: Any, caller: str) -> Call:
    fields = message.DESCRIPTOR.fields_by_name
    if method == "CreateService":
        resource = f"{message.parent}/services/{message.service_id}"
    elif method == "UpdateService":
        resource = message.service.name
    else:
        resource = next(
            getattr(message, name) for name in ("name", "parent", "resource") if name in fields
        )
    return Call(
        method=method,
        resource=resource,
        principal=caller,
        mask=tuple(message.update_mask.paths) if "update_mask" in fields else (),
        validate_only="validate_only" in fields and message.validate_only,
    )


def _refusal(method: str) -> "grpc.RpcMethodHandler[Any, Any]":
    def refuse(_request: bytes, context: grpc.ServicerContext) -> Any:
        log.error("not implemented here: %s", method)
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED, f"The local Cloud Run does not implement {method}."
        )

    return grpc.unary_unary_rpc_method_handler(refuse)
