"""Cloud Run's ports, filled when they are first asked: its client is slow to load.

Whatever else a cold deploy waits for goes on meanwhile (docs/adr/0014-speed.md).
"""

from collections.abc import Callable

from transship.model.marks import Marks
from transship.model.naming import ServiceName
from transship.model.service import Revision, Service
from transship.model.traffic import Share
from transship.model.wanted import Wanted
from transship.ports import Access, ServicesAndRevisions


class LateServices:
    def __init__(self, make: Callable[[], ServicesAndRevisions]) -> None:
        self._make = make

    def get(self, name: ServiceName) -> Service | None:
        return self._make().get(name)

    def create(self, wanted: Wanted) -> int:
        return self._make().create(wanted)

    def replace(self, current: Service, wanted: Wanted) -> int:
        return self._make().replace(current, wanted)

    def steer(self, current: Service, traffic: tuple[Share, ...], marks: Marks) -> int:
        return self._make().steer(current, traffic, marks)

    def annotate(self, current: Service, marks: Marks) -> int:
        return self._make().annotate(current, marks)

    def revision(self, name: ServiceName, revision: str) -> Revision | None:
        return self._make().revision(name, revision)

    def newest_revisions(self, name: ServiceName) -> list[Revision]:
        return self._make().newest_revisions(name)


class LateAccess:
    def __init__(self, make: Callable[[], Access]) -> None:
        self._make = make

    def is_public(self, name: ServiceName) -> bool:
        return self._make().is_public(name)

    def set_public(self, name: ServiceName, *, public: bool) -> None:
        self._make().set_public(name, public=public)
