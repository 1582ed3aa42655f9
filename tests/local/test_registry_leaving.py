"""A stand-in leaves the machine only for whoever says so, and then only by https."""

import pytest

from local.registry import Upstream
from local.registry.upstream import UpstreamError

# RFC 2606: a name that nobody has.
NOWHERE = "registry.invalid"


def said(error: pytest.ExceptionInfo[UpstreamError]) -> str:
    return str(error.value.response.body)


def test_a_host_that_is_not_mapped_is_not_asked() -> None:
    with pytest.raises(UpstreamError) as refused:
        Upstream(NOWHERE, {}).head("library/nginx", "latest")
    assert "invalid redirect URL" in said(refused)


def test_it_is_asked_where_the_real_one_is_meant() -> None:
    with pytest.raises(UpstreamError) as unreachable:
        Upstream(NOWHERE, {}, leaves_machine=True).head("library/nginx", "latest")
    assert "unexpected EOF" in said(unreachable)


def test_but_never_without_tls() -> None:
    plain = Upstream(NOWHERE, {NOWHERE: f"http://{NOWHERE}"}, leaves_machine=True)
    with pytest.raises(UpstreamError) as refused:
        plain.head("library/nginx", "latest")
    assert "invalid redirect URL" in said(refused)
