"""The local Cloud Run, put together: start it, and unmodified clients can call it."""

import logging
import platform as machine
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import grpc

from local.run import runtimes
from local.run.behaviour import Behaviour, Call, Fault, Journal
from local.run.containers import Runtime
from local.run.fleet import Fleet
from local.run.gateway import Addresses, Gateway, Names
from local.run.iam import Policies
from local.run.images import Images
from local.run.instances import Instances
from local.run.operations import Operations
from local.run.proxy import Proxy
from local.run.reconcile import Reconciler
from local.run.record import Record
from local.run.revisions import Revisions
from local.run.services import Services
from local.run.surface import Surface
from local.run.v1 import V1

log = logging.getLogger(__name__)

_WORKERS = 16
_GRPC_THREADS = 32
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def host_platform() -> str:
    return f"linux/{_ARCHITECTURES.get(machine.machine(), machine.machine())}"


class CloudRun:
    """One Cloud Run for all regions of the projects in *project_numbers*.

    *host_map* gives the local base URL of each registry host. With *containers* false nothing is
    run: revisions become ready once their image was resolved, or, with *images* false too, at once.
    *runtime* defaults to the best that this machine offers.
    """

    def __init__(
        self,
        *,
        root: Path,
        project_numbers: Mapping[str, int],
        host_map: Mapping[str, str] | None = None,
        platform: str | None = None,
        containers: bool = True,
        images: bool = True,
        behaviour: Behaviour | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        hosts = dict(host_map or {})
        self.behaviour = behaviour or Behaviour()
        self.journal = Journal()
        self._stopping = threading.Event()
        self._executor = ThreadPoolExecutor(_WORKERS, "run-work")
        local_hosts = {*hosts, *(urlsplit(url).netloc for url in hosts.values())}
        self._fleet = Fleet(
            behaviour=self.behaviour, project_numbers=project_numbers, local_hosts=local_hosts
        )
        self._policies = Policies(self._fleet, self.behaviour)
        self.invokers = self._policies.invokers
        self._instances: Instances | None = None
        self._gateway: Gateway | None = None
        addresses: Addresses = Names(project_numbers)
        if containers:
            runtime = runtime or runtimes.choose(root / "runtime")
            self._instances = Instances(runtime, root / "logs", self.behaviour)
            proxy = Proxy(
                fleet=self._fleet,
                policies=self._policies,
                instances=self._instances,
                behaviour=self.behaviour,
            )
            addresses = self._gateway = Gateway(proxy.serve)
        pulled = Images(
            root=root / "rootfs",
            host_map=hosts,
            project_numbers=project_numbers,
            platform=platform or host_platform(),
            behaviour=self.behaviour,
            unpacked=containers,
        )
        reconciler = Reconciler(
            fleet=self._fleet,
            behaviour=self.behaviour,
            images=pulled if images or containers else None,
            instances=self._instances,
            addresses=addresses,
            executor=self._executor,
            stopping=self._stopping,
        )
        operations = Operations(self._executor)
        self._surface = Surface(
            services=Services(self._fleet, operations, reconciler),
            revisions=Revisions(self._fleet, operations, reconciler),
            operations=operations,
            policies=self._policies,
            journal=self.journal,
        )
        self._v1 = V1(self._fleet, self.journal)
        self._server: grpc.Server | None = None
        self.grpc_address = ""

    def add_to(self, server: grpc.Server) -> None:
        """Answer on *server*, which somebody else starts and stops, as well as on our own."""
        server.add_generic_rpc_handlers((self._surface,))

    def start(self) -> Self:
        if self._instances is not None and self._gateway is not None:
            self._instances.start()
            self._gateway.start()
        server = grpc.server(ThreadPoolExecutor(_GRPC_THREADS, "run-grpc"))
        self.add_to(server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self._server = server
        self.grpc_address = f"127.0.0.1:{port}"
        self._v1.start()
        log.info("Cloud Run is at %s (gRPC) and %s (v1)", self.grpc_address, self.v1_url)
        return self

    @property
    def v1_url(self) -> str:
        return self._v1.url

    def stop(self) -> None:
        """End every container, connection and operation; safe to call twice."""
        self._stopping.set()
        if self._server is not None:
            self._server.stop(0).wait()
            self._server = None
        self._v1.stop()
        if self._gateway is not None:
            self._gateway.stop()
        if self._instances is not None:
            self._instances.close()
        self._executor.shutdown(cancel_futures=True)

    def inject(self, fault: Fault) -> None:
        self.journal.inject(fault)

    def calls(self, *methods: str) -> list[Call]:
        """The calls that arrived, oldest first: those of *methods*, or all."""
        return self.journal.calls(*methods)

    def running(self) -> set[str]:
        """The full names of the revisions that have a running container."""
        return self._instances.running() if self._instances is not None else set()

    def record(self, name: str) -> Record:
        """What is behind a service, for tests that must know."""
        return self._fleet.record(name)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
