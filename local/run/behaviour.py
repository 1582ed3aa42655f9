"""What a test may switch and what it may read back: behaviour, faults, the journal of calls."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import grpc

from local.run.errors import ApiError

When = Literal["before", "after"]


def _already_set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass(kw_only=True, slots=True)
class Behaviour:
    """Where the live service's ways are unknown or vary, both can be had; times are in seconds."""

    operation_delay: float = 0.0
    # Cleared, it holds every operation that has been accepted until it is set again.
    operations_go: threading.Event = field(default_factory=_already_set)
    # Routes and traffic_statuses follow an operation's end by this much.
    traffic_delay: float = 0.0
    # AIP-154 asks for ABORTED; what v2 answers is not published.
    stale_etag: grpc.StatusCode = grpc.StatusCode.ABORTED
    # An index was deployed: does the revision show the platform's child? Users say so.
    shows_child_digest: bool = True
    # False: an organisation policy (iam.allowedPolicyMemberDomains) refuses allUsers.
    public_allowed: bool = True
    # Internal ingress as seen from outside: the platform's 404.
    internal_hidden: bool = True
    # Startup probes may wait for minutes; tests shorten all of them.
    startup_limit: float = 240.0
    stop_grace: float = 10.0
    # A container that served nothing for so long is stopped; the next request starts it again.
    idle_after: float = 900.0
    # https://cloud.google.com/run/quotas
    max_revisions: int = 1000
    # Images whose containers never listen, when no containers are run.
    unhealthy_images: set[str] = field(default_factory=set)


@dataclass(kw_only=True, slots=True)
class Fault:
    """Answer a call with *code*: before it did anything, or after, so that its answer is lost.

    *action* runs at that point as well: a crash point. None in *resource* or *principal* means
    any.
    """

    method: str
    code: grpc.StatusCode | None = None
    message: str = "injected by the test"
    when: When = "before"
    resource: str | None = None
    principal: str | None = None
    times: int = 1
    action: Callable[[], None] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    method: str
    resource: str
    principal: str
    mask: tuple[str, ...] = ()
    validate_only: bool = False


class Journal:
    """The calls that arrived, the newest ten thousand, and the faults that wait for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=10_000)
        self._faults: list[Fault] = []

    def calls(self, *methods: str) -> list[Call]:
        with self._lock:
            return [call for call in self._calls if not methods or call.method in methods]

    def forget_calls(self) -> None:
        with self._lock:
            self._calls.clear()

    def inject(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear_faults(self) -> None:
        with self._lock:
            self._faults.clear()

    @contextmanager
    def during(self, call: Call) -> Iterator[None]:
        with self._lock:
            self._calls.append(call)
        self._strike(call, "before")
        yield
        self._strike(call, "after")

    def _strike(self, call: Call, when: When) -> None:
        fault = self._take(call, when)
        if fault is None:
            return
        if fault.action is not None:
            fault.action()
        if fault.code is not None:
            raise ApiError(fault.code, fault.message)

    def _take(self, call: Call, when: When) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if (
                    fault.method == call.method
                    and fault.when == when
                    and fault.times > 0
                    and fault.resource in (None, call.resource)
                    and fault.principal in (None, call.principal)
                ):
                    fault.times -= 1
                    return fault
        return None
