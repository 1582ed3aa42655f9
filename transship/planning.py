"""Plan a deploy against the service as it is read, and again when it was read too early.

The image is looked up at most once and proved at most once, and only when a plan needs it: a
revision is never planned of an image that was not pulled through the mirror, byte by byte.
"""

from functools import cached_property

from transship.lookup import Resolved, look_up
from transship.model.mirror import Mirror
from transship.model.plan import (
    Change,
    CreateService,
    Found,
    NewRevision,
    plan_deploy,
    recorded,
    want,
)
from transship.model.request import Deploy
from transship.model.service import Service
from transship.ports import Parts


class Planning:
    def __init__(self, deploy: Deploy, mirror: Mirror, parts: Parts) -> None:
        self._deploy = deploy
        self._mirror = mirror
        self._mirrored = mirror.serving(deploy.image)
        self._parts = parts

    @cached_property
    def resolved(self) -> Resolved:
        """What the image's tag means."""
        parts = self._parts
        return look_up(parts.registry, self._deploy.image, self._mirror, deadline=parts.deadline)

    def plan(self, current: Service | None, public: bool | None) -> list[Change]:
        """*public* is how the service stands, None where the request does not ask."""
        changes = self.rehearse(current, public)
        if any(isinstance(change, CreateService | NewRevision) for change in changes):
            return self._plan(self._proved, current, public)
        return changes

    def rehearse(self, current: Service | None, public: bool | None) -> list[Change]:
        """The same without a pull: what of an index would be deployed is not known then."""
        found = recorded(self.resolved.digest, self.resolved.by, current)
        return self._plan(found, current, public)

    @cached_property
    def _proved(self) -> Found:
        return self._parts.prove(self._mirrored.pin(self.resolved.digest), self.resolved.by)

    def _plan(self, found: Found, current: Service | None, public: bool | None) -> list[Change]:
        wanted = want(self._deploy, found, self._mirrored, current)
        return plan_deploy(self._deploy, wanted, current, public=public)
