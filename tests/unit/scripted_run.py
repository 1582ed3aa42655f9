"""A Cloud Run that says what a test wrote down for it, a line a read, and remembers writes."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from transship.deadline import Deadline
from transship.errors import ServiceConflict, TransshipError
from transship.model.gate import Gate, Verdict
from transship.model.marks import Marks
from transship.model.naming import ServiceName
from transship.model.service import Revision, Service
from transship.model.traffic import Share
from transship.model.wanted import Wanted
from transship.ports import CloudRun


@dataclass(kw_only=True)
class ScriptedRun:
    """*reads* are answered in order, the last one for ever; *refusals* meet the first writes."""

    reads: list[Service | None]
    revisions: list[Revision] = field(default_factory=list)
    refusals: list[TransshipError] = field(default_factory=list)
    public: bool = False
    public_refusals: list[TransshipError] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def get(self, _name: ServiceName) -> Service | None:
        return self.reads.pop(0) if len(self.reads) > 1 else self.reads[0]

    def create(self, _wanted: Wanted) -> int:
        return self._write("create")

    def replace(self, _current: Service, _wanted: Wanted) -> int:
        return self._write("replace")

    def annotate(self, _current: Service, _marks: Marks) -> int:
        return self._write("annotate")

    def steer(self, _current: Service, _traffic: tuple[Share, ...], _marks: Marks) -> int:
        return self._write("steer")

    def revision(self, _name: ServiceName, revision: str) -> Revision | None:
        return next((each for each in self.revisions if each.name == revision), None)

    def newest_revisions(self, _name: ServiceName) -> list[Revision]:
        return [*self.revisions]

    def is_public(self, _name: ServiceName) -> bool:
        return self.public

    def set_public(self, _name: ServiceName, *, public: bool) -> None:
        if self.public_refusals:
            raise self.public_refusals.pop(0)
        self.writes.append("set_public")
        self.public = public

    def _write(self, what: str) -> int:
        if self.refusals:
            raise self.refusals.pop(0)
        self.writes.append(what)
        return 2

    def cloud_run(self, *, seconds: float = 60.0) -> CloudRun:
        """With a clock that only sleeping moves."""
        return CloudRun(
            services=self,
            access=self,
            probe=_nobody_looks,
            deadline=Deadline.after(seconds, clock=lambda: sum(self.slept)),
            sleep=self.slept.append,
        )


def conflicts(times: int) -> list[TransshipError]:
    return [ServiceConflict("somebody else wrote first") for _ in range(times)]


def answering(*reads: Service | None, revisions: Iterable[Revision] = ()) -> ScriptedRun:
    return ScriptedRun(reads=list(reads), revisions=list(revisions))


def _nobody_looks(service: Service, uri: str, gate: Gate, *, deadline: Deadline) -> Verdict:
    raise AssertionError(f"{service.name} is not on trial: {uri}, {gate}, {deadline}")
