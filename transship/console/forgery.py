"""That a form was filled in on our own page, by the person who sends it.

A token in the form is bound to the person and to a cookie of their browser by an HMAC, and ends
after some hours (OWASP's "signed double-submit cookie", Cross-Site Request Forgery Prevention
Cheat Sheet). Beside it, who posts has to come from our own origin.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from msgspec import Struct

from transship.errors import Refused

COOKIE = "transship-visit"
FIELD = "token"
_LIFE = timedelta(hours=12)
_COOKIE = re.compile(r"[A-Za-z0-9_-]{22,64}")
_TOKEN = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})")
_SAME = frozenset({"same-origin", "none"})


def new_cookie() -> str:
    return secrets.token_urlsafe(24)


def is_cookie(text: str) -> bool:
    return _COOKIE.fullmatch(text) is not None


class Forgery(Struct, frozen=True):
    """*keys* are one secret, or two while they are exchanged: the first signs."""

    keys: tuple[str, ...]

    def token(self, email: str, cookie: str, *, now: datetime) -> str:
        ends = str(int((now + _LIFE).timestamp()))
        return f"{ends}.{_mac(self.keys[0], email, cookie, ends)}"

    def check(self, token: str, email: str, cookie: str, *, now: datetime) -> None:
        """Raises Refused, which says what to do: most often a page was left open over night."""
        found = _TOKEN.fullmatch(token)
        if not found or not is_cookie(cookie):
            raise Refused("forgery", "the form has no valid token; go back, reload, and send again")
        ends, mac = found.groups()
        if not any(hmac.compare_digest(mac, _mac(key, email, cookie, ends)) for key in self.keys):
            raise Refused("forgery", "the form was made for somebody else; reload, and send again")
        if now.timestamp() >= int(ends):
            raise Refused("forgery", "the form was open for too long; reload, and send again")


def check_origin(headers: Mapping[str, str], host: str) -> None:
    """*headers* in lower case. Raises Refused for a form that another site sent.

    Sec-Fetch-Site is the browser's own word, and right behind a proxy that has another name for us
    too (`gcloud run services proxy`). Where it is missing, Origin has to name the host that was
    asked, as in Go's http.CrossOriginProtection (https://pkg.go.dev/net/http#CrossOriginProtection).
    """
    if site := headers.get("sec-fetch-site"):
        if site not in _SAME:
            raise Refused("forgery", "another site sent this form; right is the page's own")
        return
    origin = headers.get("origin", "")
    if not host or urlsplit(origin).netloc.lower() != host.lower():
        raise Refused("forgery", f"the form came from {origin[:100]!r}; right is {host}")


def _mac(key: str, email: str, cookie: str, ends: str) -> str:
    said = f"{ends}\n{cookie}\n{email}".encode()
    return hmac.new(key.encode(), said, hashlib.sha256).hexdigest()
