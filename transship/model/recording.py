"""What a service's own record lacks, so that the next look does not find the same again.

The service's own: lists of services do not show the revisions'. A service that others made, or
whose annotations another hand has dropped, knows nothing of what it runs.
"""

from msgspec.structs import replace

from transship.model.marks import NO_MARKS, Marks
from transship.model.reason import Reason
from transship.model.record import INDEX_KEY, Record
from transship.model.service import Service


def recording(wanted: Record, current: Service) -> tuple[Marks, Reason]:
    """*current* runs *wanted*'s child: the marks that say so, and why they are worth a write."""
    own, made = Record.read(current.annotations), current.record
    if own is not None and own.child == wanted.child:
        if own.index == wanted.index:
            return NO_MARKS, Reason.UP_TO_DATE
        index = {INDEX_KEY: str(wanted.index or "")}
        return Marks(annotations=index), Reason.OTHER_PLATFORM_ONLY
    if made is None or made.child != wanted.child:
        recorded = replace(wanted, reason=Reason.UP_TO_DATE.value)
        return Marks(annotations={**recorded.annotations()}), Reason.UP_TO_DATE
    # Of the deploy that made the revision, which this one is not.
    reason = Reason.UP_TO_DATE if made.index == wanted.index else Reason.OTHER_PLATFORM_ONLY
    recorded = replace(made, index=wanted.index)
    return Marks(annotations={**recorded.annotations()}), reason
