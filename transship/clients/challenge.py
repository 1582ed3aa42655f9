"""What a server asks for in WWW-Authenticate.

RFC 7235, section 2.1 and appendix C, read as leniently as registries need: several challenges in
one header or in several, and a comma left out between parameters.
"""

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 7230's token, not a secret
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))', re.DOTALL)
# Such as "Negotiate TlRMTVNT==": credentials in one word, which no registry's scheme has.
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|\Z))")
_SCHEME = re.compile(_TOKEN)
_SEPARATOR = re.compile(r"[\s,]*")
_HEADER_LIMIT = 16 * 1024


class Challenge(Struct, frozen=True, kw_only=True):
    """A scheme and its parameters, their names in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """The challenges of all *headers*, in order; what cannot be read ends its header.

    >>> [c] = parse_challenges(['Bearer realm="https://auth.docker.io/token",service="hub"'])
    >>> c.scheme, c.parameters["realm"], c.parameters["service"]
    ('bearer', 'https://auth.docker.io/token', 'hub')
    """
    return [challenge for header in headers for challenge in _parse(header[:_HEADER_LIMIT])]


def _parse(header: str) -> list[Challenge]:
    found: list[Challenge] = []
    at = _skip(header, 0)
    while at < len(header):
        scheme = _SCHEME.match(header, at)
        if scheme is None:
            break
        parameters: dict[str, str] = {}
        at = _skip(header, scheme.end())
        while parameter := _PARAMETER.match(header, at):
            name, quoted, bare = parameter.groups()
            value = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
            # The first wins: a second realm is somebody's addition.
            parameters.setdefault(name.lower(), value)
            at = _skip(header, parameter.end())
        # After white space alone, one word before a comma belongs to the scheme; after a comma
        # it is the next scheme.
        if not parameters and "," not in header[scheme.end() : at]:
            word = _TOKEN68.match(header, at)
            at = _skip(header, word.end()) if word else at
        found.append(Challenge(scheme=scheme[0].lower(), parameters=parameters))
    return found


def _skip(header: str, at: int) -> int:
    match = _SEPARATOR.match(header, at)
    return match.end() if match else at
