"""The filter language of subscriptions: which messages one of them receives.

https://cloud.google.com/pubsub/docs/subscription-message-filter

    filter     = term { AND term } | term { OR term }
    term       = [ NOT | - ] ( comparison | "(" filter ")" )
    comparison = attributes ":" key | attributes "." key ( "=" | "!=" ) string
               | hasPrefix "(" attributes "." key "," string ")"

AND and OR do not mix without parentheses, operators are upper case, and a message without the
attribute is not equal to anything.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from local.pubsub.refusal import invalid

# https://cloud.google.com/pubsub/quotas#resource_limits
LIMIT = 256

Filter = Callable[[Mapping[str, str]], bool]

_TOKEN = re.compile(r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<word>[\w-]+)|(?P<sign>!=|[=:.(),-]))')
_OPERATORS = {"AND", "OR", "NOT"}


def parse_filter(text: str) -> Filter:
    """
    >>> parse_filter('attributes.kind = "a" AND NOT attributes:draft')({"kind": "a"})
    True
    """
    if len(text.encode()) > LIMIT:
        raise invalid(
            f"The filter is {len(text.encode())} bytes long; at most {LIMIT} are allowed."
        )
    if not text.strip():
        return lambda _attributes: True
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._position = 0

    def parse(self) -> Filter:
        found = self._filter()
        if self._peek():
            raise self._wrong()
        return found

    def _filter(self) -> Filter:
        terms = [self._term()]
        operator = self._peek()
        if operator not in {"AND", "OR"}:
            return terms[0]
        while self._peek() == operator:
            self._position += 1
            terms.append(self._term())
        if self._peek() in {"AND", "OR"}:
            raise self._wrong()
        combine = all if operator == "AND" else any
        return lambda attributes: combine(term(attributes) for term in terms)

    def _term(self) -> Filter:
        if self._peek() in {"NOT", "-"}:
            self._position += 1
            negated = self._term()
            return lambda attributes: not negated(attributes)
        if self._peek() == "(":
            self._position += 1
            inner = self._filter()
            self._take(")")
            return inner
        if self._peek() == "hasPrefix":
            return self._prefix()
        return self._comparison()

    def _prefix(self) -> Filter:
        self._take("hasPrefix", "(", "attributes", ".")
        key = self._key()
        self._take(",")
        prefix = self._string()
        self._take(")")
        return lambda attributes: attributes.get(key, "").startswith(prefix) and key in attributes

    def _comparison(self) -> Filter:
        self._take("attributes")
        if self._peek() == ":":
            self._position += 1
            present = self._key()
            return lambda attributes: present in attributes
        self._take(".")
        key = self._key()
        operator = self._peek()
        if operator not in {"=", "!="}:
            raise self._wrong()
        self._position += 1
        value = self._string()
        if operator == "=":
            return lambda attributes: attributes.get(key) == value
        return lambda attributes: attributes.get(key) != value

    def _key(self) -> str:
        token = self._peek()
        if token.startswith('"'):
            return self._string()
        if not re.fullmatch(r"[\w-]+", token) or token in _OPERATORS:
            raise self._wrong()
        self._position += 1
        return token

    def _string(self) -> str:
        token = self._peek()
        if not token.startswith('"'):
            raise self._wrong()
        self._position += 1
        return re.sub(r"\\(.)", r"\1", token[1:-1])

    def _take(self, *tokens: str) -> None:
        for token in tokens:
            if self._peek() != token:
                raise self._wrong()
            self._position += 1

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _wrong(self) -> Exception:
        return invalid(f"Invalid filter at {self._peek() or 'its end'!r} (filter={self._text}).")


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise invalid(f"Invalid filter at {text[position:].strip()!r} (filter={text}).")
        # "-" opens a negation; inside a word it belongs to the attribute's key.
        word = match["word"]
        if word and word.startswith("-") and len(word) > 1:
            yield "-"
            position = match.start("word") + 1
            continue
        yield match[match.lastgroup or 0]
        position = match.end()
