"""Bringing a service to what was accepted: import, start, probe, and only then move the traffic.

If a revision fails, traffic stays where it was. The rules are those in the docstring of
``Service.reconciling`` in google/cloud/run_v2/types/service.py.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import grpc

from local.run import conditions, traffic
from local.run.behaviour import Behaviour
from local.run.conditions import cannot_serve, condition, state_of
from local.run.errors import (
    ApiError,
    RevisionFailed,
    never_listened,
    not_found,
    not_ready_yet,
    not_started,
)
from local.run.fleet import Fleet
from local.run.gateway import Addresses
from local.run.images import Images
from local.run.instances import Instances
from local.run.messages import copied, now
from local.run.normalise import ingress_container
from local.run.record import Change, Record
from local.run.revision import Revision, show_log

log = logging.getLogger(__name__)

# How soon an operation that is held notices that everything is being stopped.
_HELD_PAUSE = 0.05


class Reconciler:
    """Without *images* and *instances* every revision becomes ready at once."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        behaviour: Behaviour,
        images: Images | None,
        instances: Instances | None,
        addresses: Addresses,
        executor: Executor,
        stopping: threading.Event,
    ) -> None:
        self._fleet = fleet
        self._behaviour = behaviour
        self._images = images
        self._instances = instances
        self._addresses = addresses
        self._executor = executor
        self._stopping = stopping

    def reconcile(self, change: Change) -> Any:
        """Do what *change* needs; the service as it is then, or RevisionFailed."""
        record = change.record
        with record.working:
            self._pause()
            if record.deleting:
                raise ApiError(
                    grpc.StatusCode.ABORTED, f"{record.service_id} was deleted meanwhile."
                )
            revision = change.revision
            if revision is not None and not revision.ready and revision.failure is None:
                self._bring_up(record, revision)
            failure = self._settle(record, change)
            if failure is not None:
                raise failure
            with self._fleet.lock:
                return copied(record.message)

    def delete(self, record: Record) -> Any:
        with record.working:
            self._pause()
            self._addresses.close(record)
            if self._instances is not None:
                self._instances.keep_only(record.message.name, frozenset)
            self._fleet.forget(record)
            return copied(record.message)

    def delete_revision(self, record: Record, revision: Revision) -> Any:
        with record.working:
            self._pause()
            with self._fleet.lock:
                if record.revisions.get(revision.name) is not revision:
                    raise not_found(revision.message.name)
                record.remove(revision)
                self._judge(record, None)
                record.stamp()
                revision.message.delete_time.CopyFrom(now())
            self._rest(record)
            return copied(revision.message)

    def _pause(self) -> None:
        self._stopping.wait(self._behaviour.operation_delay)
        while not self._behaviour.operations_go.wait(_HELD_PAUSE) and not self._stopping.is_set():
            continue

    def _bring_up(self, record: Record, revision: Revision) -> None:
        try:
            self._import(record, revision)
            self._start(revision)
        except RevisionFailed as failure:
            log.warning("%s failed: %s", revision.name, failure.message)
            revision.failure = failure
        except OSError as error:
            log.exception("%s could not be started", revision.name)
            revision.failure = not_started(str(error))
        else:
            revision.ready = True

    def _import(self, record: Record, revision: Revision) -> None:
        if self._images is None:
            return
        pulled = tuple(
            self._images.pull(container.image, project=record.parent.project)
            for container in revision.template.containers
        )
        with self._fleet.lock:
            revision.images = pulled
            for container, image in zip(revision.message.containers, pulled, strict=True):
                container.image = image.shown

    def _start(self, revision: Revision) -> None:
        if self._instances is not None:
            with self._fleet.lock:
                show_log(revision, self._instances.log_file(revision))
            self._instances.ensure(revision)
            return
        serving = ingress_container(revision.template)
        if serving.image in self._behaviour.unhealthy_images:
            raise never_listened(serving.ports[0].container_port)

    def _settle(self, record: Record, change: Change) -> RevisionFailed | None:
        """Write down how it went, and let the traffic follow; what the operation fails with."""
        revision = change.revision
        with self._fleet.lock:
            message = record.message
            before = copied(message)
            if revision is not None:
                revision.show()
            failure, routes = self._outcome(record, revision)
            if failure is None:
                message.observed_generation = max(message.observed_generation, change.generation)
            message.reconciling = change.generation < message.generation
            self._addresses.open(record)
            if not message.reconciling:
                self._judge(record, failure)
            for spare in record.spare(self._behaviour.max_revisions):
                record.remove(spare)
            if message != before:
                record.stamp()
        self._later(lambda: self._route(record, routes, change.generation))
        return failure

    def _outcome(
        self, record: Record, revision: Revision | None
    ) -> tuple[RevisionFailed | None, tuple[traffic.Route, ...]]:
        if revision is not None and revision.failure is not None:
            return cannot_serve(revision.name, revision.failure), record.routes
        message = record.message
        ready = [other for other in record.revisions.values() if other.ready]
        if not ready:
            latest = record.latest_created
            return cannot_serve(latest.name, latest.failure or not_ready_yet()), record.routes
        newest = max(ready, key=lambda other: other.number)
        message.latest_ready_revision = newest.message.name
        try:
            return None, traffic.resolve(message.traffic, record.revisions, newest.name)
        except RevisionFailed as failure:
            return failure, record.routes

    def _judge(self, record: Record, failure: RevisionFailed | None) -> None:
        """Ready is both: the latest revision is, and the routes lead where they should."""
        latest = record.latest_created
        of_latest = cannot_serve(latest.name, latest.failure) if latest.failure else None
        message = record.message
        ready, *others = conditions.judged(
            [message.terminal_condition, *message.conditions],
            [
                condition(
                    "Ready", state_of(latest.ready, failure or of_latest), failure or of_latest
                ),
                condition("ConfigurationsReady", state_of(latest.ready, of_latest), of_latest),
                condition("RoutesReady", state_of(ready=True, failure=failure), failure),
            ],
        )
        message.terminal_condition.CopyFrom(ready)
        message.conditions.clear()
        message.conditions.extend(others)

    def _later(self, action: Callable[[], None]) -> None:
        delay = self._behaviour.traffic_delay
        if delay <= 0:
            action()
            return

        def wait() -> None:
            self._stopping.wait(delay)
            action()

        self._executor.submit(wait)

    def _route(self, record: Record, routes: tuple[traffic.Route, ...], generation: int) -> None:
        with self._fleet.lock:
            # What follows late must not undo what a later change has done.
            if record.deleting or generation < record.routed:
                return
            record.routed = generation
            if routes != record.routes:
                record.routes = routes
                uris = self._addresses.tags(record, [route.tag for route in routes if route.tag])
                message = record.message
                message.traffic_statuses.clear()
                message.traffic_statuses.extend(traffic.statuses(routes, uris.__getitem__))
                record.stamp()
        self._rest(record)

    def _rest(self, record: Record) -> None:
        """Stop what is no longer needed, in its own time."""
        if self._instances is not None:
            self._executor.submit(
                self._instances.keep_only, record.message.name, lambda: self._needed(record)
            )

    def _needed(self, record: Record) -> set[str]:
        """The revisions that serve, and the one that is about to."""
        with self._fleet.lock:
            needed = {route.revision for route in record.routes}
            return needed | {record.latest_created.name} if record.message.reconciling else needed
