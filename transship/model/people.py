"""Who may see the page, and who may steer by it.

Lists of e-mail addresses and of domains (``@example.com``). An operator is a viewer too; who is on
neither list is nobody.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

_ENTRY = re.compile(r"[^@\s,*]{0,64}@[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"


class Person(Struct, frozen=True, kw_only=True):
    email: str
    role: Role

    @property
    def steers(self) -> bool:
        return self.role is Role.OPERATOR


class People(Struct, frozen=True, kw_only=True):
    viewers: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()

    def admit(self, email: str) -> Person | None:
        """The person with that address, as far as they may come in.

        >>> people = People(viewers=frozenset({"@example.com"}), operators=frozenset())
        >>> people.admit("Ada@Example.com").role
        <Role.VIEWER: 'viewer'>
        >>> people.admit("ada@example.com.evil.org") is None
        True
        """
        address = email.strip().lower()
        local, at, domain = address.rpartition("@")
        if not (local and at and domain):
            return None
        names = {address, f"@{domain}"}
        if names & self.operators:
            return Person(email=address, role=Role.OPERATOR)
        if names & self.viewers:
            return Person(email=address, role=Role.VIEWER)
        return None


def parse_people(words: Iterable[str]) -> frozenset[str]:
    """Raises ValueError for what is neither an address nor a domain.

    >>> sorted(parse_people(["Ada@example.com", "@example.org"]))
    ['@example.org', 'ada@example.com']
    """
    entries = frozenset(word.lower() for word in words)
    for entry in sorted(entries):
        if not _ENTRY.fullmatch(entry):
            raise ValueError(f"{entry!r} is wrong; right is ada@example.com, or @example.com")
    return entries
