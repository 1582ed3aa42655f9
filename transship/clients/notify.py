"""Outcomes told to Slack, and to a webhook whose requests are signed.

Slack: https://api.slack.com/messaging/webhooks. The webhook follows Standard Webhooks
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md), for
which receivers have libraries: an HMAC-SHA256 over id, time and body, and an id that stays the same
however often it is sent. Both are outside, so the egress guard decides where a request may go.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec

from transship.clients.egress import Guard
from transship.clients.transport import Timeouts, Transport
from transship.deadline import Deadline
from transship.errors import (
    AccessDenied,
    RateLimited,
    RegistryUnavailable,
    ServiceUnavailable,
    TransshipError,
)
from transship.model.destination import Destination
from transship.model.notice import Event, facts, headline, links

# A receiver has time to take the message, not to act on it.
_SECONDS = 10.0
_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_OK = range(200, 300)
_SERVER_ERRORS = 500
_MARKS = {"failed": ":x:", "rejected": ":no_entry:", "rolled_back": ":rewind:"}


class Teller:
    """Sends one event to one destination; *hosts* of the local stack as in the egress guard."""

    def __init__(
        self, *, hosts: Mapping[str, str], now: Callable[[], datetime], seconds: float = _SECONDS
    ) -> None:
        self._hosts = hosts
        self._now = now
        self._seconds = seconds

    def __call__(self, destination: Destination, event: Event, raw: bytes) -> None:
        """*raw* is the whole CloudEvent.

        Raises AccessDenied where it will be refused for good, ServiceUnavailable and RateLimited
        where another time it may not be.
        """
        if destination.kind == "slack":
            body, headers = slack_body(event), {}
        else:
            body = raw
            headers = signature(destination.key, event.id, body, self._now())
        headers = {"Content-Type": "application/json", "User-Agent": "transship", **headers}
        host = urlsplit(destination.url).hostname or ""
        local = {name: url for name, url in self._hosts.items() if name == host}
        transport = Transport(
            Guard(hosts=frozenset({host}), host_map=local),
            timeouts=Timeouts(connect=5.0, read=self._seconds),
        )
        try:
            with transport.send(
                "POST",
                destination.url,
                headers,
                body=body,
                deadline=Deadline.after(self._seconds),
                redirects=0,
            ) as answer:
                status = answer.status
                answer.discard()
        except RegistryUnavailable as error:
            raise ServiceUnavailable(f"tell {destination.name}: {error}") from error
        finally:
            transport.close()
        if status not in _OK:
            raise _failure(destination, status)


def slack_body(event: Event) -> bytes:
    """*event* as Slack's mrkdwn, of which nothing that is quoted is a part."""
    mark = _MARKS.get(event.kind, ":ship:")
    lines = [f"{mark} *{_escaped(headline(event))}*"]
    lines += [f"{label}: {_escaped(text)}" for label, text in facts(event).items()]
    if found := links(event):
        lines.append(" · ".join(f"<{_escaped(url)}|{label}>" for label, url in found.items()))
    text = "\n".join(lines)
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
    # `text` is for notifications on a telephone and for screen readers.
    return msgspec.json.encode({"text": _escaped(headline(event)), "blocks": [section]})


def signature(key: bytes, id_: str, body: bytes, now: datetime) -> dict[str, str]:
    stamp = str(int(now.timestamp()))
    mac = hmac.new(key, b".".join((id_.encode(), stamp.encode(), body)), hashlib.sha256).digest()
    return {
        "webhook-id": id_,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


def _escaped(text: str) -> str:
    """https://api.slack.com/reference/surfaces/formatting#escaping; and none of its own marks."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A zero-width space keeps * and the like from beginning anything.
    return "".join(f"\u200b{c}" if c in "*_~`" else c for c in text)


def _failure(destination: Destination, status: int) -> TransshipError:
    said = f"{destination.name} answers {status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(said, source=destination.name)
    if status in _AGAIN or status >= _SERVER_ERRORS:
        return ServiceUnavailable(said)
    return AccessDenied(f"{said}; right is an address that takes it")
