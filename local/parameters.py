"""Query parameters of Google's REST APIs: those that every method has, and refusal of the rest.

A parameter that is passed over in silence makes a client believe that it was heard.
https://cloud.google.com/apis/docs/system-parameters
"""

from collections.abc import Collection
from urllib.parse import parse_qsl

# They change nothing here: an answer is always JSON, and quotas are nobody's.
_WITHOUT_EFFECT = frozenset({"$.xgafv", "key", "prettyPrint", "quotaUser"})
_MORE = {("alt", "json")}


def unknown_parameter(query: str, own: Collection[str]) -> str:
    """The first of *query* that is none of the method's *own*; empty where all are understood.

    >>> unknown_parameter("alt=json&pageSize=5", {"pageSize"})
    ''
    >>> unknown_parameter("pagesize=5", {"pageSize"}), unknown_parameter("alt=media", {"pageSize"})
    ('pagesize', 'alt')
    """
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in own and name not in _WITHOUT_EFFECT and (name, value) not in _MORE:
            return name
    return ""
