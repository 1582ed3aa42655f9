"""What a new revision has to pass before visitors see it, and what a look at it said.

https://docs.cloud.google.com/run/docs/known-issues: some paths never reach the container.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from transship.model.record import PREFIX

PROBE_KEY = f"{PREFIX}probe"

_SERVER_ERRORS = 500


class Gate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An HTTP probe of the revision's own URL.

    *successes* in a row, within *patience* seconds after the revision is ready; then visitors get
    it, and the probe goes on for *watch* seconds. *status* empty: anything below 500.
    """

    # Reserved by Google's front end: /healthz and its like, /eventlog, /_ah/.
    path: Annotated[
        str,
        Meta(
            max_length=1000,
            pattern=r"^/(?!_ah(/|\Z))(?!eventlog\Z)(?!([^?]*/)?[a-z]+z(\?|\Z))[!-~]*\Z",
            title="a path that reaches the container (on Cloud Run none does that ends in z, as"
            " /healthz)",
            examples=["/ready"],
        ),
    ] = "/"
    status: Annotated[list[Annotated[int, Meta(ge=100, le=599)]], Meta(max_length=50)] = []
    timeout: Annotated[float, Meta(gt=0, le=60)] = 5.0
    successes: Annotated[int, Meta(ge=1, le=20)] = 3
    patience: Annotated[int, Meta(ge=1, le=3600)] = 60
    watch: Annotated[int, Meta(ge=0, le=86_400)] = 300

    @property
    def wanted(self) -> str:
        """In words, where it names any."""
        return " or ".join(map(str, self.status))

    def expects(self, status: int) -> bool:
        return status in self.status if self.status else status < _SERVER_ERRORS


DEFAULT_GATE = Gate()


def read_gate(text: str) -> Gate:
    """From an annotation; the default where another hand broke it."""
    try:
        return msgspec.json.decode(text, type=Gate) if text else DEFAULT_GATE
    except msgspec.DecodeError:
        return DEFAULT_GATE


class Health(StrEnum):
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    # The platform, not the container, answered: ingress or permissions keep us out.
    UNREACHABLE = "unreachable"


class Verdict(Struct, frozen=True, kw_only=True):
    """*evidence* is for people: what was asked, and what came back."""

    health: Health
    evidence: str = ""
