"""How a function starts, and what it never gives away."""

import pytest

from tests.fixtures.functions import Cloud, Function, running
from transship.config import REQUIRED, InvalidConfiguration

SECRET = "ya29.a-token-that-nobody-may-see"


@pytest.mark.parametrize("target", sorted(REQUIRED))
def test_a_function_with_a_wrong_setting_does_not_start(target: str) -> None:
    with (
        pytest.raises(InvalidConfiguration, match=r"^TRANSSHIP_"),
        running(target, {"TRANSSHIP_PROJECT": "sample-project"}),
    ):
        pass


@pytest.mark.parametrize("target", sorted(REQUIRED))
def test_a_function_that_lacks_what_it_needs_does_not_start(cloud: Cloud, target: str) -> None:
    needed = REQUIRED[target][0]

    with (
        pytest.raises(InvalidConfiguration, match=f"^TRANSSHIP_{needed} is not set$"),
        running(target, cloud.settings(**{f"TRANSSHIP_{needed}": ""})),
    ):
        pass


@pytest.mark.parametrize("body", [b"{nope", b"[1]", b'{"message": {"attributes": {"a": "b"}}}'])
def test_the_callers_token_is_in_no_answer_and_no_log(
    cloud: Cloud, deployer: Function, capsys: pytest.CaptureFixture[str], body: bytes
) -> None:
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}

    answer = deployer.client.post("/", data=body, headers=headers)

    assert (answer.status_code, answer.data) == (200, b"")
    said = capsys.readouterr()
    assert "event settled" in said.out
    assert SECRET not in said.out + said.err
    assert SECRET not in str(cloud.outcomes())
