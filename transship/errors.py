"""Everything that can go wrong, sorted by what the event source should do.

* TransshipError
  * PermanentError        acknowledge: a redelivery would fail the same way
    - InvalidEvent        the message is not one of ours; names the field
    - InvalidReference    the text names no image; names the part
    - InvalidManifest     the registry's document is not what it claims to be
    - ImageNotFound       the repository, tag or digest does not exist
    - PlatformMissing     the image has no manifest for the platform; lists those it has
    - ImageTooLarge       more bytes or layers than the configuration allows
    - AccessDenied        a permission is missing; names the grant
    - NoMirror            no mirror serves the image's registry; lists the mirrors there are
    - PublicAccessRefused an organisation's policy forbids a public service
    - Refused             policy, or the API, says no; names the rule
  * TemporaryError        raise: the event source redelivers with backoff
    - RateLimited         knows when the source may be asked again
    - RegistryUnavailable the registry, or the way to it, failed
    - DigestMismatch      the bytes are not the ones that were named: a cut or corrupt stream
    - ServiceConflict     somebody else wrote first
    - ServiceUnavailable  the Cloud Run API failed or did not say whether it accepted
    - DeployPending       Cloud Run is still working; look again later
    - TooSoon             the tag was looked at just now; look again after a minute

Whatever is not in this tree is a bug, and is redelivered too.
"""

from datetime import datetime


class TransshipError(Exception):
    """Root of everything below."""


class PermanentError(TransshipError):
    """A redelivery would fail the same way."""


class TemporaryError(TransshipError):
    """A redelivery may succeed."""


class InvalidEvent(PermanentError):
    pass


class InvalidReference(PermanentError):
    pass


class InvalidManifest(PermanentError):
    pass


class ImageNotFound(PermanentError):
    pass


class PlatformMissing(PermanentError):
    pass


class ImageTooLarge(PermanentError):
    pass


class AccessDenied(PermanentError):
    pass


class NoMirror(PermanentError):
    pass


class PublicAccessRefused(PermanentError):
    pass


class Refused(PermanentError):
    """Policy says no."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"{reason} (rule: {rule})")
        self.rule = rule


class RateLimited(TemporaryError):
    """The *source* (a registry host) may be asked again at *retry_at*; unknown where None."""

    def __init__(self, message: str, *, source: str, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.source = source
        self.retry_at = retry_at


class RegistryUnavailable(TemporaryError):
    pass


class DigestMismatch(TemporaryError):
    pass


class ServiceConflict(TemporaryError):
    pass


class ServiceUnavailable(TemporaryError):
    pass


class DeployPending(TemporaryError):
    pass


class TooSoon(TemporaryError):
    pass
