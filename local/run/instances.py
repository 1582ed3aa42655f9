"""One running instance for each revision that serves; started on demand, stopped when idle."""

import logging
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local.run import probes
from local.run.behaviour import Behaviour
from local.run.containers import Container, Runtime, prepared
from local.run.errors import shutting_down, unsupported
from local.run.names import short
from local.run.normalise import ingress_container
from local.run.revision import Revision

log = logging.getLogger(__name__)

_DRAIN = 10.0
_WITHOUT_EFFECT = ("vpc_access", "service_mesh", "node_selector")


@dataclass(kw_only=True, slots=True, eq=False)
class Instance:
    """The containers of a revision, the one that serves first."""

    containers: list[Container]
    port: int
    wanted: bool
    requests: int = 0
    used: float = field(default_factory=time.monotonic)

    def alive(self) -> bool:
        return self.containers[0].alive()


class Instances:
    def __init__(self, runtime: Runtime, root: Path, behaviour: Behaviour) -> None:
        self._runtime = runtime
        self._root = root
        self._behaviour = behaviour
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._starting: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._running: dict[str, Instance] = {}
        self._reaper = threading.Thread(target=self._reap, name="run-reaper", daemon=True)

    def start(self) -> None:
        self._reaper.start()

    def log_file(self, revision: Revision, sidecar: str = "") -> Path:
        suffix = f".{sidecar}" if sidecar else ""
        _, project, _, location, *_ = revision.service.split("/")
        return self._root / project / location / f"{revision.name}{suffix}.log"

    def running(self) -> set[str]:
        """The full names of the revisions that have a live instance."""
        with self._changed:
            return {name for name, instance in self._running.items() if instance.alive()}

    def ensure(self, revision: Revision) -> Instance:
        """The revision's instance, started if there is none, or RevisionFailed."""
        name = revision.message.name
        with self._starting[name]:
            with self._changed:
                instance = self._running.get(name)
            if instance is not None and instance.alive():
                return instance
            if instance is not None:
                log.warning("the container of %s had exited: starting another", revision.name)
                self._stop(name)
            if self._stopping.is_set():
                raise shutting_down()
            instance = self._start(revision)
            with self._changed:
                self._running[name] = instance
            self._keep_alive(name, revision, instance)
            return instance

    @contextmanager
    def connection(self, revision: Revision) -> Iterator[socket.socket]:
        """A connection to the revision's serving container, which is not stopped meanwhile."""
        instance = self._engaged(revision)
        try:
            with instance.containers[0].dial(instance.port) as connection:
                yield connection
        finally:
            with self._changed:
                instance.requests -= 1
                instance.used = time.monotonic()
                self._changed.notify_all()

    def _engaged(self, revision: Revision) -> Instance:
        while True:
            instance = self.ensure(revision)
            with self._changed:
                if self._running.get(revision.message.name) is instance:
                    instance.requests += 1
                    return instance

    def keep_only(self, service: str, kept: Callable[[], Collection[str]]) -> None:
        """Stop what *service* runs besides *kept*, after the last requests there."""
        running = [name for name in self.running() if name.startswith(f"{service}/revisions/")]
        # Asked second: what has been started since then is not among the running.
        names = kept()
        for name in running:
            if short(name) not in names:
                self._stop(name)

    def close(self) -> None:
        self._stopping.set()
        with self._changed:
            names = list(self._running)
            self._changed.notify_all()
        stops = [threading.Thread(target=self._stop, args=(name,)) for name in names]
        for thread in stops:
            thread.start()
        for thread in stops:
            thread.join()
        if self._reaper.is_alive():
            self._reaper.join()
        self._runtime.close()

    def _start(self, revision: Revision) -> Instance:
        message = revision.message
        if ignored := [name for name in _WITHOUT_EFFECT if message.HasField(name)]:
            log.warning("%s: without effect here: %s", revision.name, ", ".join(ignored))
        serving = ingress_container(message)
        port = serving.ports[0].container_port
        if serving.ports[0].name == "h2c":
            raise unsupported("end-to-end HTTP/2 (a port named h2c)")
        order = sorted(
            range(len(message.containers)), key=lambda i: not message.containers[i].ports
        )
        started: list[Container] = []
        try:
            for index in order:
                sidecar = message.containers[index].name or str(index) if started else ""
                launch = prepared(
                    message,
                    index,
                    revision.images[index],
                    port=port,
                    log_file=self.log_file(revision, sidecar),
                    beside=started[0] if started else None,
                )
                started.append(self._runtime.start(launch))
            if not revision.template.health_check_disabled:
                limit = self._behaviour.startup_limit
                probes.await_startup(started[0], serving, limit=limit, stopping=self._stopping)
        except BaseException:
            for container in reversed(started):
                container.stop(0.0)
            raise
        log.info("%s runs by %s", revision.name, self._runtime.name)
        wanted = revision.template.scaling.min_instance_count > 0
        return Instance(containers=started, port=port, wanted=wanted)

    def _keep_alive(self, name: str, revision: Revision, instance: Instance) -> None:
        """Cloud Run kills a container whose liveness probe fails, in the middle of its requests."""
        serving = ingress_container(revision.message)
        if not serving.HasField("liveness_probe"):
            return

        def gone(seconds: float) -> bool:
            with self._changed:
                return self._changed.wait_for(
                    lambda: self._stopping.is_set() or self._running.get(name) is not instance,
                    seconds,
                )

        def watch() -> None:
            container = instance.containers[0]
            if probes.await_death(container, serving.liveness_probe, gone):
                log.warning("the liveness probe of %s failed: it is killed", revision.name)
                container.stop(0.0)

        threading.Thread(target=watch, name=f"liveness-{revision.name}", daemon=True).start()

    def _stop(self, name: str) -> None:
        with self._changed:
            instance = self._running.pop(name, None)
            if instance is None:
                return
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: instance.requests == 0 or self._stopping.is_set(), _DRAIN
            )
        for container in reversed(instance.containers):
            container.stop(self._behaviour.stop_grace)

    def _reap(self) -> None:
        while not self._stopping.wait(min(self._behaviour.idle_after / 4, 30.0)):
            oldest = time.monotonic() - self._behaviour.idle_after
            with self._changed:
                idle = [
                    name
                    for name, instance in self._running.items()
                    if not instance.wanted and instance.requests == 0 and instance.used < oldest
                ]
            for name in idle:
                self._stop(name)
