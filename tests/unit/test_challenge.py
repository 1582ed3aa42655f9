"""WWW-Authenticate as servers send it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transship.clients.challenge import Challenge, parse_challenges


def bearer(**parameters: str) -> Challenge:
    return Challenge(scheme="bearer", parameters=parameters)


def basic(**parameters: str) -> Challenge:
    return Challenge(scheme="basic", parameters=parameters)


TABLE = [
    ([], []),
    ([""], []),
    ([" , ,"], []),
    (['Bearer realm="https://a/t"'], [bearer(realm="https://a/t")]),
    # Docker Hub's and Artifact Registry's own.
    (
        [
            (
                'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
                'scope="repository:library/nginx:pull"'
            )
        ],
        [
            bearer(
                realm="https://auth.docker.io/token",
                service="registry.docker.io",
                scope="repository:library/nginx:pull",
            )
        ],
    ),
    # A comma and an escaped quotation mark inside a quoted string.
    ([r'Bearer realm="a,b\"c\\d", service=x'], [bearer(realm='a,b"c\\d', service="x")]),
    (['Bearer scope="repository:a:pull,push"'], [bearer(scope="repository:a:pull,push")]),
    # Case of schemes and names.
    (['BEARER Realm="A"'], [bearer(realm="A")]),
    # White space around the equals sign ("BWS" of RFC 7235), and a comma left out.
    (['Bearer realm = "a" service="b"'], [bearer(realm="a", service="b")]),
    # Several challenges in a header, and in several headers.
    (['Basic realm="r", Bearer realm="t"'], [basic(realm="r"), bearer(realm="t")]),
    (['Basic realm="r"', 'Bearer realm="t"'], [basic(realm="r"), bearer(realm="t")]),
    # A scheme without parameters, alone and before another.
    (["Basic"], [basic()]),
    (
        ["Negotiate, Basic realm=r"],
        [Challenge(scheme="negotiate", parameters={}), basic(realm="r")],
    ),
    # A scheme with one word of its own.
    (
        ["Negotiate TlRMTVNT==, Basic realm=r"],
        [Challenge(scheme="negotiate", parameters={}), basic(realm="r")],
    ),
    # The first of two realms.
    (['Bearer realm="a",realm="b"'], [bearer(realm="a")]),
    # What cannot be read ends its header, not the others.
    (['Bearer realm="a", "junk"', "Basic realm=r"], [bearer(realm="a"), basic(realm="r")]),
    (['Bearer realm="never closed'], [bearer(), Challenge(scheme="realm", parameters={})]),
]


@pytest.mark.parametrize(("headers", "challenges"), TABLE)
def test_challenges_are_read(headers: list[str], challenges: list[Challenge]) -> None:
    assert parse_challenges(headers) == challenges


# The same examples on every run, and no deadline of their own on a noisy machine.
PROPERTY = settings(derandomize=True, deadline=None, max_examples=300)

tokens = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789-._~!", min_size=1, max_size=8)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
challenge_lists = st.lists(
    st.tuples(tokens, st.dictionaries(tokens.map(str.lower), values, min_size=1, max_size=4)),
    min_size=1,
    max_size=4,
)


@PROPERTY
@given(challenge_lists, st.sampled_from([", ", ",", " , ,"]), st.booleans())
def test_what_was_written_is_read_back(
    challenges: list[tuple[str, dict[str, str]]], comma: str, is_one_header: bool
) -> None:
    texts = [
        f"{scheme} " + comma.join(f"{name}={quoted(value)}" for name, value in parameters.items())
        for scheme, parameters in challenges
    ]
    headers = [comma.join(texts)] if is_one_header else texts
    assert [(c.scheme, dict(c.parameters)) for c in parse_challenges(headers)] == [
        (scheme.lower(), parameters) for scheme, parameters in challenges
    ]


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@PROPERTY
@given(st.lists(st.text(max_size=80), max_size=3))
def test_any_text_is_survived(headers: list[str]) -> None:
    for challenge in parse_challenges(headers):
        assert challenge.scheme == challenge.scheme.lower()


def test_a_header_of_a_megabyte_is_read_in_no_time() -> None:
    """Neither in length nor in back-tracking; the suite's own time-out would tell."""
    for text in ("Bearer " + "a=" * 500_000, 'B r="' + "\\" * 1_000_000, "a " * 500_000):
        parse_challenges([text])
