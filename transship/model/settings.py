"""What a request may say about how a service runs, in normal form.

Cloud Run normalises what it is given ("1" is stored as "1000m"), so values are compared only in
the form that this module's types fix; a naive comparison would make a revision per message.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

Pairs = tuple[tuple[str, str], ...]


def pairs(mapping: Mapping[str, str]) -> Pairs:
    """*mapping* in an order of its own, so that two spellings of it are equal."""
    return tuple(sorted(mapping.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Named after gcloud's flags; None means "not named", which is not "empty".

    ``cpu`` in millicpus, ``memory`` in bytes, ``timeout`` in seconds.
    """

    args: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    concurrency: int | None = None
    cpu: int | None = None
    env_vars: Pairs | None = None
    ingress: str | None = None
    labels: Pairs | None = None
    max_instances: int | None = None
    memory: int | None = None
    min_instances: int | None = None
    port: int | None = None
    service_account: str | None = None
    timeout: int | None = None

    def named(self) -> dict[str, Any]:
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in values if value is not None}

    def over(self, other: Self) -> Self:
        """These settings, and *other*'s where these name nothing."""
        return replace(other, **self.named())

    def differences(self, current: Self) -> list[str]:
        """The names of the settings that *current* has otherwise."""
        return [name for name, value in self.named().items() if value != getattr(current, name)]

    def fingerprint(self) -> str:
        """16 hex digits that change when what is asked for changes."""
        text = json.dumps(self.named(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


# A public image that nobody here has run before: little, and none of it when nobody calls.
NEW_SERVICE = Settings(max_instances=5, min_instances=0)
