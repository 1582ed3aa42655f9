"""Docker Hub says that something was pushed: a hint, from whoever knows the secret path.

Docker Hub signs nothing and sends no header of ours
(https://docs.docker.com/docker-hub/repos/manage/webhooks/). So the secret in the path is all there
is, and all that its owner can do is to have an allowed tag looked at. The payload's
``callback_url`` is not called.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog
from msgspec import Struct

from transship.errors import InvalidEvent, TransshipError
from transship.followers import Send
from transship.lately import Lately
from transship.model.hints import HintMessage
from transship.model.policy import Policy, admit_image
from transship.model.reference import DOCKER_HUB, Reference, parse_reference

log = structlog.get_logger()

# A payload has about 1 KiB.
BODY_LIMIT = 64 * 1024


class _PushData(Struct):
    tag: str


class _Repository(Struct):
    repo_name: str


class _Push(Struct):
    push_data: _PushData
    repository: _Repository


def may_enter(path: str, secrets: Sequence[str]) -> bool:
    """Whether *path* is one of *secrets*; how long that takes does not tell how nearly."""
    given = path.encode()
    matches = [hmac.compare_digest(given, secret.encode()) for secret in secrets]
    return any(matches)


def handle(body: bytes, *, policy: Policy, lately: Lately, send: Send, now: datetime) -> None:
    """Publish a hint, unless there was one for the tag within the minute.

    Raises InvalidEvent, InvalidReference, and Refused where policy does not allow the image.
    """
    image = _image(body)
    admit_image(policy, image)
    if not lately.claim(str(image), now):
        log.info("webhook settled", image=str(image), reason="a hint was published within a minute")
        return
    try:
        send(msgspec.json.encode(HintMessage(image=str(image))), {"origin": "webhook"})
    except TransshipError:
        lately.release(str(image))
        raise
    log.info("webhook settled", image=str(image), reason="a hint was published")


def _image(body: bytes) -> Reference:
    try:
        push = msgspec.json.decode(body, type=_Push)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEvent(f"the request is not a webhook of Docker Hub: {error}") from error
    image = parse_reference(f"{DOCKER_HUB}/{push.repository.repo_name}:{push.push_data.tag}")
    if image.digest is not None:
        raise InvalidEvent(f"{push.push_data.tag!r} is no tag - at `$.push_data.tag`")
    return image
