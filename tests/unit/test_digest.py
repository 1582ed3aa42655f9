"""Digests: the OCI image specification's grammar, and sha256 alone."""

import pytest

from transship.errors import InvalidReference
from transship.model.digest import Digest

HEX = "0123456789abcdef" * 4


def test_a_digest_is_written_as_it_was_read() -> None:
    digest = Digest(f"sha256:{HEX}")
    assert str(digest) == f"sha256:{HEX}"
    assert digest.hex == HEX
    assert digest.short == "sha256:0123456789ab"


def test_digests_sort_by_their_text() -> None:
    first, second = Digest("sha256:" + "a" * 64), Digest("sha256:" + "b" * 64)
    assert sorted([second, first]) == [first, second]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        HEX,
        f"sha256:{HEX}\n",
        f" sha256:{HEX}",
        f"sha256:{HEX[:-1]}",
        f"sha256:{HEX}0",
        f"sha256:{HEX.upper()}",
        f"SHA256:{HEX}",
        f"sha256-{HEX}",
        "sha256:" + "g" * 64,
        "sha256:" + "\u0661" * 64,
        "sha512:" + HEX * 2,
        f"sha256:{HEX}/../x",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference, match="right is sha256: and 64 lower-case hex digits"):
        Digest(text)
