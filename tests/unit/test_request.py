"""A message as a request: what is completed, and what is refused with the field's name."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from msgspec import UNSET

from tests.unit.nouns import NOON, RUNTIME, a_deploy
from transship.errors import InvalidEvent
from transship.model.settings import Settings


def test_what_is_absent_is_completed() -> None:
    deploy = a_deploy(image="nginx", service="web")

    assert str(deploy.image) == "docker.io/library/nginx:latest"
    assert str(deploy.service) == "projects/sample-project/locations/asia-northeast1/services/web"
    assert deploy.settings == Settings()
    assert (deploy.public, deploy.track, deploy.adopt, deploy.dry_run) == (None, True, False, False)
    assert deploy.requested_at == NOON


def test_a_service_is_named_after_its_image() -> None:
    assert (
        a_deploy(image="dockersamples/static-site", service=UNSET).service.service == "static-site"
    )


def test_a_new_service_is_small_and_has_an_account_without_roles() -> None:
    defaults = a_deploy().defaults

    assert (defaults.max_instances, defaults.min_instances) == (5, 0)
    assert defaults.service_account == RUNTIME


def test_amounts_have_one_form() -> None:
    spelt: list[dict[str, Any]] = [
        {"cpu": 1, "memory": "1Gi", "timeout": 300},
        {"cpu": "1", "memory": "1024Mi", "timeout": "5m"},
        {"cpu": 1.0, "memory": str(1024**3), "timeout": "300s"},
        {"cpu": "1000m", "memory": "1048576Ki", "timeout": "4m60s"},
    ]

    assert len({a_deploy(**amounts).settings for amounts in spelt}) == 1


def test_the_order_of_variables_says_nothing() -> None:
    one, two = a_deploy(env_vars={"A": "1", "B": "2"}), a_deploy(env_vars={"B": "2", "A": "1"})

    assert one.settings == two.settings
    assert one.settings.fingerprint() == two.settings.fingerprint()


def test_a_request_may_be_older_than_its_message() -> None:
    asked = NOON - timedelta(days=3)

    assert a_deploy(requested_at=asked).requested_at == asked


@pytest.mark.parametrize(
    ("later", "taken"),
    [(timedelta(minutes=5), True), (timedelta(minutes=5, seconds=1), False)],
)
def test_a_request_from_the_future_is_refused_beyond_what_clocks_differ(
    later: timedelta, *, taken: bool
) -> None:
    if taken:
        assert a_deploy(requested_at=NOON + later).requested_at == NOON + later
        return
    with pytest.raises(InvalidEvent, match=r"later than the message.*`\$\.requested_at`"):
        a_deploy(requested_at=NOON + later)


def test_times_of_other_zones_are_compared_as_times() -> None:
    tokyo = datetime(2026, 11, 24, 21, tzinfo=timezone(timedelta(hours=9)))

    assert a_deploy(requested_at=tokyo).requested_at == datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"image": "nginx:"}, r"`\$\.image`"),
        ({"image": "http://nginx"}, r"`\$\.image`"),
        ({"service": "-web"}, r"'-web' is wrong; right .* - at `\$\.service`"),
        ({"region": "Tokyo"}, r"'Tokyo' is wrong; right .* - at `\$\.service`"),
        ({"project": "Mine"}, r"'Mine' is wrong; right .* - at `\$\.service`"),
        ({"cpu": "much"}, r"'much' is wrong; right .* - at `\$\.cpu`"),
        ({"cpu": True}, r"`\$\.cpu`"),
        ({"memory": "512mb"}, r"'512mb' is wrong; right .* - at `\$\.memory`"),
        ({"timeout": "soon"}, r"'soon' is wrong; right .* - at `\$\.timeout`"),
        ({"timeout": 0}, r"`\$\.timeout`"),
        ({"labels": {"transship-part": "x"}}, r"transship's own - at `\$\.labels`"),
        ({"env_vars": {}, "update_env_vars": {}}, r"`\$\.env_vars`"),
        ({"env_vars": {}, "remove_env_vars": []}, r"`\$\.env_vars`"),
        ({"min_instances": 2, "max_instances": 1}, r"2 is over .* 1 - at `\$\.min_instances`"),
    ],
)
def test_a_wrong_value_is_refused_and_the_error_names_its_field(
    message: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidEvent, match=says):
        a_deploy(**message)


def test_both_ways_to_merge_variables_go_together() -> None:
    deploy = a_deploy(update_env_vars={"A": "1"}, remove_env_vars=["B"])

    assert (deploy.update_env_vars, deploy.remove_env_vars) == ({"A": "1"}, frozenset({"B"}))
