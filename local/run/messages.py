"""The messages of the Cloud Run Admin API v2, as the wire has them.

proto-plus classes are for callers. A server copies, merges by mask and compares whole messages,
which the protobuf classes underneath do; they keep fields newer than the library as well. They are
made at run time, hence typed ``Any``.
"""

from typing import Any

from google.cloud import run_v2
from google.protobuf.timestamp_pb2 import Timestamp

Service: Any = run_v2.Service.pb()
Revision: Any = run_v2.Revision.pb()
RevisionTemplate: Any = run_v2.RevisionTemplate.pb()
Condition: Any = run_v2.Condition.pb()
TrafficTarget: Any = run_v2.TrafficTarget.pb()
TrafficTargetStatus: Any = run_v2.TrafficTargetStatus.pb()

CreateServiceRequest: Any = run_v2.CreateServiceRequest.pb()
GetServiceRequest: Any = run_v2.GetServiceRequest.pb()
ListServicesRequest: Any = run_v2.ListServicesRequest.pb()
ListServicesResponse: Any = run_v2.ListServicesResponse.pb()
UpdateServiceRequest: Any = run_v2.UpdateServiceRequest.pb()
DeleteServiceRequest: Any = run_v2.DeleteServiceRequest.pb()
GetRevisionRequest: Any = run_v2.GetRevisionRequest.pb()
ListRevisionsRequest: Any = run_v2.ListRevisionsRequest.pb()
ListRevisionsResponse: Any = run_v2.ListRevisionsResponse.pb()
DeleteRevisionRequest: Any = run_v2.DeleteRevisionRequest.pb()

LATEST = int(run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST)
REVISION = int(run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION)

RECONCILING = int(run_v2.Condition.State.CONDITION_RECONCILING)
FAILED = int(run_v2.Condition.State.CONDITION_FAILED)
SUCCEEDED = int(run_v2.Condition.State.CONDITION_SUCCEEDED)


def copied(message: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def now() -> Timestamp:
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return stamp
