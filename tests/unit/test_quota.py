"""What registries say of their quota reaches the log, and does not drown it."""

from structlog.testing import capture_logs

from transship.model.ratelimit import RateLimit
from transship.quota import QuotaLog


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_minute_has_one_line_for_each_registry() -> None:
    clock = Hands()
    quota = QuotaLog(20, clock=clock)
    with capture_logs() as lines:
        for remaining in (100, 99, 98):
            quota("docker.io", RateLimit(remaining=remaining))
        quota("ghcr.io", RateLimit(remaining=5000))
        clock.at = 61.0
        quota("docker.io", RateLimit(remaining=97))
    assert [(line["registry"], line["quota_remaining"]) for line in lines] == [
        ("docker.io", 100),
        ("ghcr.io", 5000),
        ("docker.io", 97),
    ]


def test_falling_below_the_floor_is_told_at_once_and_as_a_warning() -> None:
    quota = QuotaLog(20, clock=Hands())
    with capture_logs() as lines:
        quota("docker.io", RateLimit(remaining=20))
        quota("docker.io", RateLimit(remaining=19))
    assert [line["log_level"] for line in lines] == ["info", "warning"]


def test_an_account_without_a_limit_says_nothing() -> None:
    with capture_logs() as lines:
        QuotaLog(20)("docker.io", RateLimit(limit=100))
    assert lines == []
