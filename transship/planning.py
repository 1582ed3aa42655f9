"""Plan a deploy against the service as it is read, and again when it was read too early.

The image is proved at most once, and only when a plan needs it: a revision is never planned of an
image that was not pulled through the mirror, byte by byte.
"""

from collections.abc import Callable

from msgspec.structs import replace

from transship.lookup import Resolved
from transship.model.mirror import Mirror
from transship.model.plan import Change, CreateService, NewRevision, plan_deploy
from transship.model.record import MIRROR, RECORD, UPSTREAM
from transship.model.request import Deploy
from transship.model.service import Service
from transship.model.wanted import Found, recorded, want
from transship.ports import Parts


class Planning:
    """*look* says what the image's tag means."""

    def __init__(
        self, deploy: Deploy, mirror: Mirror, parts: Parts, look: Callable[[], Resolved]
    ) -> None:
        self._deploy = deploy
        self._mirrored = mirror.serving(deploy.image)
        self._parts = parts
        self._look = look
        self._proofs: dict[Resolved, Found] = {}

    def plan(self, current: Service | None, public: bool | None) -> list[Change]:
        """*public* is how the service stands, None where the request does not ask."""
        changes = self.rehearse(current, public)
        if any(isinstance(change, CreateService | NewRevision) for change in changes):
            return self._plan(self._proved_for(current), current, public)
        return changes

    def rehearse(self, current: Service | None, public: bool | None) -> list[Change]:
        """The same without a pull: what of an index would be deployed is not known then."""
        resolved = self._resolved_for(current)
        return self._plan(recorded(resolved.digest, resolved.by, current), current, public)

    def _proved_for(self, current: Service | None) -> Found:
        resolved = self._resolved_for(current)
        if resolved not in self._proofs:
            found = self._parts.prove(self._mirrored.pin(resolved.digest), resolved.by)
            proof = replace(found.proof, mirror_since=resolved.since)
            self._proofs[resolved] = replace(found, proof=proof)
        return self._proofs[resolved]

    def _resolved_for(self, current: Service | None) -> Resolved:
        """What the tag means, unless the mirror says so and *current* was told something newer.

        The mirror's tag stays where it was when somebody asked for it last; a deploy while the
        upstream is silent must not go back to that.
        """
        resolved, record = self._look(), current.record if current else None
        if (
            resolved.by == MIRROR
            and record is not None
            and record.resolved_by == UPSTREAM
            and record.image.unpinned() == self._deploy.image
            and (resolved.since is None or resolved.since <= record.requested_at)
        ):
            return Resolved(
                digest=record.index or record.child, by=RECORD, since=record.requested_at
            )
        return resolved

    def _plan(self, found: Found, current: Service | None, public: bool | None) -> list[Change]:
        wanted = want(self._deploy, found, self._mirrored, current)
        return plan_deploy(self._deploy, wanted, current, public=public)
