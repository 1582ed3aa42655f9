"""Kubernetes label selectors, as the v1 API takes them.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

import re
from collections.abc import Callable, Mapping

from local.run.errors import invalid

_KEY = r"(?P<key>[A-Za-z0-9][A-Za-z0-9_./-]*)"
_SET = re.compile(rf"{_KEY}\s+(?P<operator>in|notin|notIn)\s*\((?P<values>[^()]*)\)")
_EQUAL = re.compile(rf"{_KEY}\s*(?P<operator>==|=|!=)\s*(?P<value>[A-Za-z0-9_.-]*)")
_EXISTS = re.compile(rf"(?P<not>!?)\s*{_KEY}")
# A comma outside of parentheses: and.
_AND = re.compile(r",(?![^()]*\))")

Matches = Callable[[Mapping[str, str]], bool]


def labels_match(selector: str) -> Matches:
    """
    >>> labels_match("a=1,b notin (x, y),!c")({"a": "1", "b": "z"})
    True
    >>> labels_match("a!=1")({}), labels_match("a in (1,2)")({"a": "3"})
    (True, False)
    """
    parts = [_requirement(part.strip()) for part in _AND.split(selector) if part.strip()]
    return lambda labels: all(part(labels) for part in parts)


def _requirement(text: str) -> Matches:
    if found := _SET.fullmatch(text):
        key = found["key"]
        values = {value.strip() for value in found["values"].split(",")}
        if found["operator"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if found := _EQUAL.fullmatch(text):
        key, value = found["key"], found["value"]
        if found["operator"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if found := _EXISTS.fullmatch(text):
        key, absent = found["key"], bool(found["not"])
        return lambda labels: (key in labels) is not absent
    raise invalid("labelSelector", f"{text!r} is not a requirement")
