"""A Cloud Run of one service, in memory: etags, generations, and traffic that follows.

Small enough to be crashed and interleaved thousands of times; time passes when somebody sleeps.
tests/contract/test_small_run.py holds it to what the gRPC stand-in does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from msgspec.structs import replace

from tests.unit.nouns import NAME, NOON, a_service
from transship.errors import ServiceConflict
from transship.model.marks import Marks
from transship.model.naming import ServiceName
from transship.model.service import CLIENT, Condition, Container, Revision, Service, State
from transship.model.traffic import Share
from transship.model.wanted import Wanted


@dataclass(kw_only=True)
class SmallRun:
    """*never_ready* are the children that do not come up. With *lag*, ``traffic_statuses`` follow a
    step later; with *eager*, LATEST leads to the latest ready revision at once, which is not known
    of the live service and survived all the same.
    """

    never_ready: set[str] = field(default_factory=set)
    lag: bool = False
    eager: bool = False
    now: datetime = NOON
    service: Service | None = None
    revisions: dict[str, Revision] = field(default_factory=dict)
    # The children that visitors got, in order.
    served: list[str] = field(default_factory=list)
    _children: dict[str, str] = field(default_factory=dict)
    _late: tuple[Share, ...] | None = None

    def get(self, name: ServiceName) -> Service | None:
        return self.service if name == NAME else None

    def create(self, wanted: Wanted) -> int:
        if self.service is not None:
            raise ServiceConflict("it exists")
        blank = a_service(
            containers=(),
            annotations={},
            template_annotations={},
            labels={},
            traffic=(),
            latest_created="",
            latest_ready="",
            etag="0",
            generation=0,
            observed_generation=0,
        )
        return self._cut(blank, wanted)

    def replace(self, current: Service, wanted: Wanted) -> int:
        return self._cut(self._unchanged(current), wanted)

    def steer(self, current: Service, traffic: tuple[Share, ...], marks: Marks) -> int:
        kept = self._unchanged(current)
        for share in traffic:
            if share.revision and share.revision not in self.revisions:
                raise AssertionError(f"traffic to {share.revision}, which does not exist")
        return self._accept(_marked(replace(kept, asked_traffic=traffic), marks))

    def annotate(self, current: Service, marks: Marks) -> int:
        return self._accept(_marked(self._unchanged(current), marks))

    def revision(self, _name: ServiceName, revision: str) -> Revision | None:
        return self.revisions.get(revision)

    def newest_revisions(self, _name: ServiceName) -> list[Revision]:
        return [*self.revisions.values()][::-1]

    def is_public(self, _name: ServiceName) -> bool:
        return False

    def set_public(self, name: ServiceName, *, public: bool) -> None:
        raise AssertionError(f"nobody asked for {name} to be {public=}")

    def pass_time(self, seconds: float = 1.0) -> None:
        """Cloud Run does what it has accepted, and then what follows late."""
        self.now += timedelta(seconds=seconds)
        if self.service is not None and self.service.reconciling:
            self._reconcile(self.service)
        elif self._late is not None:
            self._route(self._late)

    def by_hand(self, **fields: object) -> None:
        """As an operator does it, by another way."""
        assert self.service is not None
        self._accept(replace(self.service, **fields))

    def deploy_by_hand(self, revision: str, child: str) -> None:
        """As gcloud does it: the template's annotations are taken along."""
        assert self.service is not None
        self._children[revision] = child
        annotations = self.service.template_annotations
        self.revisions[revision] = _a_revision(revision, dict(annotations))
        self.by_hand(latest_created=revision, client="gcloud")

    def child_of(self, revision: str) -> str:
        return self._children[revision]

    def _unchanged(self, current: Service) -> Service:
        if self.service is None or self.service.etag != current.etag:
            raise ServiceConflict("somebody else wrote first")
        return self.service

    def _cut(self, service: Service, wanted: Wanted) -> int:
        revision = wanted.revision or f"{NAME.service}-{len(self.revisions) + 1:05}-abc"
        if revision in self.revisions:
            raise ServiceConflict(f"{revision} exists with another configuration")
        record = wanted.record
        self._children[revision] = record.child.value
        self.revisions[revision] = _a_revision(revision, record.annotations())
        asked = wanted.traffic if wanted.traffic is not None else service.asked_traffic
        changed = replace(
            service,
            containers=(Container(name="", image=wanted.image.untagged()),),
            template_annotations=record.annotations(),
            asked_traffic=asked,
            latest_created=revision,
            client=CLIENT,
        )
        return self._accept(_marked(changed, wanted.marks(service.labels)))

    def _accept(self, service: Service) -> int:
        self.service = replace(
            service,
            etag=str(int(service.etag) + 1),
            generation=service.generation + 1,
            reconciling=True,
            condition=Condition(state=State.WORKING, since=self.now),
        )
        if self.eager and service.latest_ready:
            self._serve(self._resolved(service.asked_traffic))
        return self.service.generation

    def _reconcile(self, service: Service) -> None:
        created = service.latest_created
        state = State.FAILED if self.child_of(created) in self.never_ready else State.READY
        condition = Condition(state=state, message="no answer", since=self.now)
        if state is State.READY:
            condition = Condition(state=state, since=self.now)
        self.revisions[created] = replace(self.revisions[created], condition=condition)
        self.service = replace(
            service,
            etag=str(int(service.etag) + 1),
            reconciling=False,
            condition=condition,
            latest_ready=created if state is State.READY else service.latest_ready,
            observed_generation=(
                service.generation if state is State.READY else service.observed_generation
            ),
        )
        if any(self._is_failed(share) for share in service.asked_traffic):
            return
        self._late = service.asked_traffic
        if not self.lag:
            self._route(self._late)

    def _is_failed(self, share: Share) -> bool:
        return bool(
            share.revision and self.revisions[share.revision].condition.state is State.FAILED
        )

    def _route(self, asked: tuple[Share, ...]) -> None:
        assert self.service is not None
        self._late = None
        uris = {share.tag: f"https://{share.tag}---web.a.run.app" for share in asked if share.tag}
        self.service = replace(
            self.service,
            etag=str(int(self.service.etag) + 1),
            traffic=tuple(replace(share, uri=uris.get(share.tag, "")) for share in asked),
        )
        self._serve(self._resolved(asked))

    def _resolved(self, shares: tuple[Share, ...]) -> list[str]:
        assert self.service is not None
        latest = self.service.latest_ready
        return [share.revision or latest for share in shares if share.percent]

    def _serve(self, revisions: list[str]) -> None:
        for revision in filter(None, revisions):
            if self.served[-1:] != [self.child_of(revision)]:
                self.served.append(self.child_of(revision))


def _a_revision(name: str, annotations: dict[str, str]) -> Revision:
    return Revision(
        name=name,
        condition=Condition(state=State.WORKING),
        log_uri="",
        annotations=annotations,
    )


def _marked(service: Service, marks: Marks) -> Service:
    return replace(
        service,
        annotations=_changed(service.annotations, marks.annotations),
        labels=_changed(service.labels, marks.labels),
    )


def _changed(mapping: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    merged: dict[str, str | None] = {**mapping, **changes}
    return {key: value for key, value in merged.items() if value is not None}
