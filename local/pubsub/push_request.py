"""The HTTP request of one push, wrapped or unwrapped.

https://cloud.google.com/pubsub/docs/push#receive_push
https://cloud.google.com/pubsub/docs/payload-unwrapping
https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
"""

import base64
import json
import re
import time

from google.pubsub_v1 import types

from local.pubsub.backlog import Lease
from local.pubsub.delivery import publish_time

_HOUR = 3600
# What http.client accepts; an attribute that is no header is left out of the headers.
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
# The request's own framing and metadata are not a publisher's to change.
_RESERVED = {"authorization", "connection", "content-length", "host", "transfer-encoding"}
_METADATA = "x-goog-pubsub-"


def push_request(settings: types.Subscription, lease: Lease) -> tuple[bytes, dict[str, str]]:
    """The body and the headers."""
    push = settings.push_config
    headers = {
        "User-Agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"
    }
    if "oidc_token" in push:
        headers["Authorization"] = f"Bearer {_identity_token(push)}"
    if "no_wrapper" in push:
        if push.no_wrapper.write_metadata:
            headers |= _metadata(settings, lease)
        return lease.message.data, headers
    headers["Content-Type"] = "application/json"
    return json.dumps(_wrapped(settings, lease)).encode(), headers


def _wrapped(settings: types.Subscription, lease: Lease) -> dict[str, object]:
    message = lease.message
    published = publish_time(message)
    inner: dict[str, object] = {
        # Both spellings, as the product sends them.
        "messageId": message.message_id,
        "message_id": message.message_id,
        "publishTime": published,
        "publish_time": published,
    }
    if message.data:
        inner["data"] = base64.b64encode(message.data).decode()
    if message.attributes:
        inner["attributes"] = dict(message.attributes)
    if message.ordering_key:
        inner["orderingKey"] = message.ordering_key
    body: dict[str, object] = {"message": inner, "subscription": settings.name}
    if "dead_letter_policy" in settings:
        body["deliveryAttempt"] = lease.attempt
    return body


def _metadata(settings: types.Subscription, lease: Lease) -> dict[str, str]:
    message = lease.message
    headers = {
        key: value
        for key, value in message.attributes.items()
        if _HEADER_NAME.fullmatch(key)
        and _HEADER_VALUE.fullmatch(value)
        and key.lower() not in _RESERVED
        and not key.lower().startswith(_METADATA)
    }
    headers |= {
        f"{_METADATA}message-id": message.message_id,
        f"{_METADATA}publish-time": publish_time(message),
        f"{_METADATA}subscription-name": settings.name,
    }
    if message.ordering_key:
        headers[f"{_METADATA}ordering-key"] = message.ordering_key
    return headers


def _identity_token(push: types.PushConfig) -> str:
    """Unsigned: it shows a receiver the claims it will see, and proves nothing."""
    email = push.oidc_token.service_account_email
    now = int(time.time())
    claims = {
        "aud": push.oidc_token.audience or push.push_endpoint,
        "azp": email,
        "email": email,
        "email_verified": True,
        "exp": now + _HOUR,
        "iat": now,
        "iss": "https://accounts.google.com",
        "sub": email,
    }
    return f"{_segment({'alg': 'none', 'typ': 'JWT'})}.{_segment(claims)}."


def _segment(document: dict[str, object] | dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()
