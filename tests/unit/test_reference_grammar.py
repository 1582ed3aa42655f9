"""The parser of references against the grammar of distribution/reference, written again."""

import re

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from transship.errors import InvalidReference
from transship.model.reference import parse_reference

# The same examples on every run, and no deadline of their own on a noisy machine.
PROPERTY = settings(derandomize=True, deadline=None, max_examples=500)

# The oracle: distribution/reference's regexp.go, written again as one expression, with our edges
# (docs/adr/0003-references.md). It shares nothing with the parser.
_H16 = r"[0-9A-Fa-f]{1,4}"
_IPV6 = "|".join(
    [
        rf"(?:{_H16}:){{7}}{_H16}",
        rf"(?:{_H16}:){{1,7}}:",
        *(rf"(?:{_H16}:){{1,{7 - n}}}(?::{_H16}){{1,{n}}}" for n in range(1, 7)),
        rf":(?::{_H16}){{1,7}}",
        r"::",
    ]
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_PORT = r":(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
ORACLE = re.compile(
    rf"""\A
    (?!(?:sha256:)?[0-9a-f]{{64}}\Z)
    (?:(?P<host>
        (?=[^/]*[.:A-Z]|localhost/)
        (?!(?:[^/:]){{254}})
        (?:{_LABEL}(?:\.{_LABEL})*|\[(?:{_IPV6})\])(?:{_PORT})?
    )/)?
    (?P<path>{_COMPONENT}(?:/{_COMPONENT})*)
    (?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?
    (?:@sha256:[0-9a-f]{{64}})?
    \Z""",
    re.ASCII | re.VERBOSE,
)


def grammatical(text: str) -> bool:
    found = ORACLE.match(text)
    if not found:
        return False
    path = found["path"]
    at_hub = found["host"] in {None, "docker.io", "index.docker.io", "registry-1.docker.io"}
    if found["host"] is None and re.match(r"(?:localhost|[^/]*\.[^/]*)/", path):
        return False  # with a slash it is a host, and as a host it was refused
    return len(path) + (len("library/") if at_hub and "/" not in path else 0) <= 255


_hosts = st.sampled_from(
    [
        "docker.io",
        "index.docker.io",
        "registry-1.docker.io",
        "localhost",
        "localhost:5000",
        "asia-northeast1-docker.pkg.dev",
        "EXAMPLE.com",
        "Foo",
        "127.0.0.1:65535",
        "[::1]:5000",
        "[2001:db8::1]",
        "a." * 126 + "b",
    ]
)

_components = st.lists(
    st.sampled_from(
        ["a", "z9", "0", "localhost", "library", "x.y", "x_y", "x__y", "x---y", "f" * 64]
    ),
    min_size=1,
    max_size=3,
).map("-".join)

_tags = st.sampled_from(["latest", "1.27", "_", "V1.0-rc.1", "5000", "t" * 128])

_digests = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)


@st.composite
def valid_texts(draw: st.DrawFn) -> str:
    path = "/".join(draw(st.lists(_components, min_size=1, max_size=5)))
    host = draw(st.one_of(st.just(""), _hosts.map("{}/".format)))
    tag = draw(st.one_of(st.just(""), _tags.map(":{}".format)))
    digest = draw(st.one_of(st.just(""), _digests.map("@{}".format)))
    return f"{host}{path}{tag}{digest}"


# What a text near the grammar trips over: among them digits, letters and line ends of Unicode.
_ODD = st.sampled_from(
    [
        *"/:@.-_[]%AZaz09 \n\r\t\x00\x7f",
        *("::", "//", "__", "..", ":0", ":65536"),
        *("https://", "sha256:", "localhost/", "docker.io/"),
        *("\u0661", "\uff11", "\u00e9", "\u2028", "\u0130", "\u212a"),
    ]
)


@st.composite
def near_texts(draw: st.DrawFn) -> str:
    """A valid text with up to three changes, most of which make it invalid."""
    text = draw(valid_texts())
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.sampled_from([start, min(start + 1, len(text))]))
        text = text[:start] + draw(st.one_of(_ODD, st.just(""))) + text[end:]
    return text


@PROPERTY
@given(valid_texts())
def test_whatever_the_grammar_allows_is_accepted_and_stable(text: str) -> None:
    assume(grammatical(text))  # not so with a first component that reads as a host, say
    reference = parse_reference(text)
    assert parse_reference(str(reference)) == reference
    assert str(parse_reference(str(reference))) == str(reference)


@PROPERTY
@given(st.one_of(near_texts(), st.text(max_size=80), st.text("aA0.:/@-_[]\n", max_size=30)))
def test_what_is_accepted_is_what_the_grammar_allows(text: str) -> None:
    try:
        reference = parse_reference(text)
    except InvalidReference:
        accepted = False
    else:
        accepted = True
        assert parse_reference(str(reference)) == reference
    assert accepted == grammatical(text)


@PROPERTY
@given(st.text("0123456789abcdefABCDEF:.%", min_size=2, max_size=45))
def test_an_address_in_brackets_is_an_ipv6_address(address: str) -> None:
    text = f"[{address}]/repo"
    try:
        parse_reference(text)
    except InvalidReference:
        assert not grammatical(text)
    else:
        assert grammatical(text)
