"""Templates into pages. Everything that is put into one is escaped; nothing is ever marked safe."""

from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from transship.console.states import sign_of, sign_of_step
from transship.model.digest import Digest

_HERE = Path(__file__).parent
_ASSETS = {"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"}
_HEX = 12
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_KILOBYTE = 1000


def page(template: str, /, **context: Any) -> str:
    return _environment().get_template(template).render(context)


@cache
def asset(name: str) -> tuple[bytes, str] | None:
    """Content and media type; None where there is none of that name."""
    if name not in _ASSETS:
        return None
    return (_HERE / "assets" / name).read_bytes(), _ASSETS[name]


@cache
def address(name: str) -> str:
    """With its content's digest, so that it can be kept for good."""
    found = asset(name)
    if found is None:
        raise LookupError(name)
    return f"/assets/{sha256(found[0]).hexdigest()[:12]}/{name}"


def ago(time: datetime, now: datetime) -> str:
    """
    >>> from datetime import timedelta
    >>> now = datetime(2026, 1, 2, tzinfo=UTC)
    >>> ago(now - timedelta(minutes=5), now)
    '5 min ago'
    >>> ago(now - timedelta(days=3), now)
    '3 days ago'
    """
    seconds = int((now - time).total_seconds())
    if seconds < 5:  # noqa: PLR2004 - two clocks may differ by as much
        return "just now"
    if seconds < _MINUTE:
        return f"{seconds} s ago"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min ago"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h ago"
    days = seconds // _DAY
    return "yesterday" if days == 1 else f"{days} days ago"


def size(count: float) -> str:
    """
    >>> size(71_204_113)
    '71 MB'
    """
    units = ["bytes", "kB", "MB", "GB"]
    while count >= _KILOBYTE and len(units) > 1:
        count /= _KILOBYTE
        units.pop(0)
    unit = units[0]
    return f"{count:.0f} {unit}" if count >= 10 or unit == "bytes" else f"{count:.1f} {unit}"  # noqa: PLR2004 - two digits


def short(digest: Digest | str | None) -> str:
    return str(digest or "").removeprefix("sha256:")[:_HEX]


def stamp(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def web(address: str) -> str:
    """*address* where a browser may be sent there; else nothing: what an image says is no link."""
    return address if address.startswith(("https://", "http://")) else ""


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "fate": sign_of_step,
        "short": short,
        "size": size,
        "stamp": stamp,
        "web": web,
        "word": lambda reason: sign_of(reason).text,
    }
    made.globals |= {"address": address, "ago": ago}
    return made
