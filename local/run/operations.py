"""Long-running operations: work that was accepted, and how it ended.

https://google.aip.dev/151, and google/longrunning/operations.proto for the surface.
"""

import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import grpc
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from local.run import paging
from local.run.errors import ApiError, RevisionFailed, not_found
from local.run.messages import Service, copied
from local.run.names import Parent, parse_parent

log = logging.getLogger(__name__)

_KEPT = 10_000
_LONGEST_WAIT = 600.0


class Operations:
    """The newest ten thousand operations; *executor* does their work."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._changed = threading.Condition()
        self._all: OrderedDict[str, Any] = OrderedDict()

    def start(self, parent: Parent, metadata: Any, work: Callable[[], Any]) -> Any:
        """Begin *work*, which returns the response or raises what the operation fails with."""
        operation = operations_pb2.Operation(name=f"{parent}/operations/{uuid.uuid4()}")
        operation.metadata.Pack(metadata)
        with self._changed:
            self._all[operation.name] = operation
            while len(self._all) > _KEPT:
                self._all.popitem(last=False)
            answer = copied(operation)
        self._executor.submit(self._run, operation, work)
        return answer

    def done(self, parent: Parent, response: Any) -> Any:
        """An operation that has ended already, for what is only validated."""
        operation = operations_pb2.Operation(name=f"{parent}/operations/{uuid.uuid4()}", done=True)
        operation.metadata.Pack(response)
        operation.response.Pack(response)
        return operation

    def _run(self, operation: Any, work: Callable[[], Any]) -> None:
        response, failure = None, None
        try:
            response = work()
        except (RevisionFailed, ApiError) as error:
            failure = error
        except Exception as error:
            # The thread's last chance: an operation that never ends would hide the bug.
            log.exception("reconciliation broke: %s", operation.name)
            failure = ApiError(grpc.StatusCode.INTERNAL, f"the stand-in broke: {error!r}")
        with self._changed:
            if failure is None:
                operation.response.Pack(response)
                if isinstance(response, Service):
                    operation.metadata.Pack(response)
            else:
                operation.error.code = failure.code.value[0]
                operation.error.message = failure.message
            operation.done = True
            self._changed.notify_all()

    def get(self, request: Any, _principal: str) -> Any:
        with self._changed:
            return copied(self._named(request.name))

    def wait(self, request: Any, _principal: str) -> Any:
        timeout = request.timeout.ToTimedelta().total_seconds() or _LONGEST_WAIT
        with self._changed:
            operation = self._named(request.name)
            self._changed.wait_for(lambda: operation.done, min(timeout, _LONGEST_WAIT))
            return copied(operation)

    def list(self, request: Any, _principal: str) -> Any:
        prefix = f"{parse_parent(request.name.removesuffix('/operations'))}/operations/"
        with self._changed:
            mine = [(k, copied(self._all[k])) for k in sorted(self._all) if k.startswith(prefix)]
        shown, more = paging.page(mine, size=request.page_size, token=request.page_token)
        return operations_pb2.ListOperationsResponse(operations=shown, next_page_token=more)

    def delete(self, request: Any, _principal: str) -> Any:
        with self._changed:
            self._named(request.name)
            del self._all[request.name]
        return Empty()

    def _named(self, name: str) -> Any:
        operation = self._all.get(name)
        if operation is None:
            raise not_found(name)
        return operation
