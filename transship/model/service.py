"""A Cloud Run service as transship sees it: what decisions are made from, and nothing else."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from transship.errors import InvalidReference
from transship.model.digest import Digest
from transship.model.naming import ServiceName
from transship.model.record import SCHEMA_KEY, TRACKS_KEY, Record
from transship.model.reference import Reference, parse_reference
from transship.model.settings import Settings
from transship.model.traffic import ALL, TRAFFIC_KEY, Share, is_operators, public_text

# google.cloud.run.v2: Service.client, "arbitrary identifier for the API client".
CLIENT = "transship"


class State(StrEnum):
    """google.cloud.run.v2 Condition.State, as far as a decision needs it."""

    WORKING = "working"
    READY = "ready"
    FAILED = "failed"


class Condition(Struct, frozen=True, kw_only=True):
    state: State
    reason: str = ""
    message: str = ""
    since: datetime | None = None


class Container(Struct, frozen=True, kw_only=True):
    name: str
    # None where another hand wrote something that is not a reference.
    image: Reference | None


class Revision(Struct, frozen=True, kw_only=True):
    """*name* is the short one; *log_uri* opens its log in the console."""

    name: str
    condition: Condition
    log_uri: str
    annotations: Mapping[str, str]

    @property
    def record(self) -> Record | None:
        return Record.read(self.annotations)


class Document:
    """What the API said, whole, to be written back: never looked at, compared or shown."""

    __slots__ = ("said",)

    def __init__(self, said: object = None) -> None:
        self.said = said

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Document)

    def __hash__(self) -> int:
        return 0


class Service(Struct, frozen=True, kw_only=True):
    """*asked_traffic* is what was set, *traffic* what is true (``traffic_statuses``).

    *document* is what the API said, kept so that a write loses no field that is unknown here.
    """

    name: ServiceName
    etag: str
    generation: int
    observed_generation: int
    reconciling: bool
    condition: Condition
    client: str
    containers: tuple[Container, ...]
    settings: Settings
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    template_annotations: Mapping[str, str]
    asked_traffic: tuple[Share, ...]
    traffic: tuple[Share, ...]
    latest_created: str
    latest_ready: str
    uri: str
    is_function: bool = False
    # Through whose eyes it is seen; empty: those of the one that serves (transship.model.focus).
    container: str = ""
    document: Document = Document()

    @property
    def record(self) -> Record | None:
        """Of the newest revision; the service's own copy may have been dropped by another hand.

        Where both are of one deploy, the service's may know a newer index of the same child.
        """
        made, own = Record.read(self.template_annotations), Record.read(self.annotations)
        return own if own and (made is None or made.cause == own.cause) else made

    @property
    def is_ours(self) -> bool:
        return SCHEMA_KEY in self.annotations or SCHEMA_KEY in self.template_annotations

    @property
    def tracks(self) -> Reference | None:
        try:
            return parse_reference(self.annotations.get(TRACKS_KEY, ""))
        except InvalidReference:
            return None

    @property
    def image(self) -> Reference | None:
        """Of the container that serves requests, which Cloud Run's API lists by its port."""
        return self.containers[0].image if self.containers else None

    @property
    def settled(self) -> bool:
        """Cloud Run has done with the newest generation, well or badly.

        Of one that failed, *observed_generation* stays at the last that served
        (google.cloud.run.v2 Service.reconciling).
        """
        if self.reconciling or self.condition.state is State.WORKING:
            return False
        failed = self.condition.state is State.FAILED
        return failed or self.observed_generation >= self.generation

    @property
    def finished(self) -> bool:
        """And the traffic is where it was asked to be."""
        if not self.settled or self.is_pinned:
            return self.settled
        if self.has_our_traffic:
            return self.has_asked_traffic
        return self.condition.state is State.FAILED or self.serves_latest

    @property
    def has_asked_traffic(self) -> bool:
        """The public share really is where it was asked to be."""
        latest = self.latest_ready
        asked = self.asked_traffic or (Share(percent=ALL),)
        return public_text(asked, latest=latest) == public_text(self.traffic, latest=latest)

    @property
    def is_pinned(self) -> bool:
        """New revisions would get no traffic, because an operator said so; not because we did."""
        return is_operators(self.asked_traffic, self.annotations)

    @property
    def has_our_traffic(self) -> bool:
        """It is not all at the latest revision, and we have set it so: on trial, or taken back."""
        recorded = self.annotations.get(TRAFFIC_KEY)
        return recorded is not None and recorded == public_text(self.asked_traffic)

    @property
    def serving(self) -> str | None:
        """The revision that has all of the public share, as it really is; None where none has."""
        everything = [share for share in self.traffic if share.percent == ALL]
        return (everything[0].revision or self.latest_ready or None) if everything else None

    @property
    def kept(self) -> str | None:
        """The revision that has the visitors, and is to have them: `serving` may lag behind what
        was asked for, and then would be resolved to a revision that was never meant to serve.
        """
        public = [share for share in self.asked_traffic if share.percent]
        named = public[0].revision if len(public) == 1 else None
        return named or self.serving

    @property
    def serves_latest(self) -> bool:
        """The public share really is at the newest revision: traffic read back, not as asked."""
        return self.latest_ready == self.latest_created == self.serving

    def runs(self, *digests: Digest | None) -> bool:
        """The newest revision was asked to run one of *digests* (an index, or its child)."""
        return self.image is not None and self.image.digest in [d for d in digests if d]
