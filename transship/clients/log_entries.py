"""Cloud Logging's entries, read: what the functions have said about themselves.

REST, because it is asked by people only and would be one more client to import.
https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from transship.clients.transport import Transport
from transship.deadline import Deadline
from transship.errors import AccessDenied, RateLimited, RegistryUnavailable, ServiceUnavailable

HOST = "logging.googleapis.com"
_URL = f"https://{HOST}/v2/entries:list"
_PAGE = 200
# Entries have up to 256 KiB each: https://cloud.google.com/logging/quotas#log-limits
_PAGE_LIMIT = 64 * 1024 * 1024
# A page may be empty and yet not be the last one.
_PAGES = 50


class Entry(Struct, frozen=True, kw_only=True):
    time: datetime
    fields: Mapping[str, Any]


class _Said(Struct, rename="camel"):
    timestamp: datetime
    json_payload: dict[str, Any] = {}


class _Page(Struct, rename="camel"):
    entries: tuple[_Said, ...] = ()
    next_page_token: str = ""


class LogEntries:
    def __init__(self, transport: Transport, *, token: Callable[[], str]) -> None:
        self._transport = transport
        self._token = token

    def matching(self, project: str, words: str, *, deadline: Deadline) -> Iterator[Entry]:
        """Newest first, without end but for the pages that are read: take what is needed.

        *words* are a filter of the Logging query language.
        """
        more = ""
        for _ in range(_PAGES):
            page = self._page(project, words, more, deadline)
            for said in page.entries:
                yield Entry(time=said.timestamp, fields=said.json_payload)
            more = page.next_page_token
            if not more:
                return

    def _page(self, project: str, words: str, more: str, deadline: Deadline) -> _Page:
        asked = {
            "resourceNames": [f"projects/{project}"],
            "filter": words,
            "orderBy": "timestamp desc",
            "pageSize": _PAGE,
            **({"pageToken": more} if more else {}),
        }
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        doing = f"read the log of {project}"
        try:
            with self._transport.send(
                "POST",
                _URL,
                headers,
                body=msgspec.json.encode(asked),
                deadline=deadline,
                redirects=0,
            ) as answer:
                if answer.status == HTTPStatus.OK:
                    body = answer.document(_PAGE_LIMIT, too_long=ServiceUnavailable)
                    return msgspec.json.decode(body, type=_Page)
                said = f"{doing}: {HOST} answers {answer.status}"
                complaint = answer.complaint().decode(errors="replace")
        except RegistryUnavailable as error:
            raise ServiceUnavailable(f"{doing}: {error}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ServiceUnavailable(f"{doing}: {HOST} answers no entries: {error}") from error
        match answer.status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                raise AccessDenied(f"{said}; grant roles/logging.viewer on the project {project}")
            case HTTPStatus.TOO_MANY_REQUESTS:
                raise RateLimited(said, source=HOST)
        raise ServiceUnavailable(f"{said}: {complaint[:300]}")
