"""Whether an event may change a service at all: order, holds, and whose service it is."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.nouns import (
    IMAGE,
    NOON,
    PINNED,
    a_deploy,
    a_record,
    a_service,
)
from transship.errors import Refused
from transship.model.reason import Reason
from transship.model.standing import is_applied, refuse_foreign, standing
from transship.model.traffic import Share


def test_older_never_overwrites_newer() -> None:
    current = a_service(a_record(requested_at=NOON))

    assert standing(a_deploy(at=NOON - timedelta(seconds=1)), current) is Reason.SUPERSEDED
    assert standing(a_deploy(at=NOON + timedelta(seconds=1)), current) is None


def test_at_one_instant_the_event_ids_decide_and_always_the_same_way() -> None:
    current = a_service(a_record(requested_at=NOON, cause="5"))

    assert standing(a_deploy(event_id="4"), current) is Reason.SUPERSEDED
    assert standing(a_deploy(event_id="6"), current) is None


def test_traffic_that_an_operator_set_is_held() -> None:
    split = (Share(percent=50), Share(percent=50, revision="web-1"))
    for traffic in (PINNED, split):
        assert standing(a_deploy(), a_service(asked_traffic=traffic)) is Reason.OPERATOR_HOLD


def test_tags_are_no_hold() -> None:
    tagged = (Share(percent=100), Share(percent=0, revision="web-1", tag="mine"))

    assert standing(a_deploy(), a_service(asked_traffic=tagged)) is None


def test_nothing_stands_in_the_way_of_a_new_service() -> None:
    assert standing(a_deploy(), None) is None


def test_an_event_knows_its_own_traces() -> None:
    assert is_applied(a_deploy(event_id="1"), a_service())
    assert not is_applied(a_deploy(event_id="2"), a_service())
    assert not is_applied(a_deploy(), None)


def test_a_service_of_others_is_refused_without_adoption() -> None:
    theirs = a_service(annotations={}, template_annotations={})

    with pytest.raises(Refused, match=r'"adopt": true.*\(rule: adopt\)'):
        refuse_foreign(a_deploy(), theirs)
    refuse_foreign(a_deploy(adopt=True), theirs)
    refuse_foreign(a_deploy(), a_service())
    refuse_foreign(a_deploy(), None)


def test_another_image_takes_a_services_place_only_where_it_is_named() -> None:
    other = "somebody/static-site:v1"
    unnamed = replace(a_deploy(image=other), is_named=False)

    with pytest.raises(Refused, match=r"runs docker.io/dockersamples/static-site.*rule: service"):
        refuse_foreign(unnamed, a_service())
    refuse_foreign(a_deploy(image=other), a_service())
    refuse_foreign(replace(a_deploy(image=f"{IMAGE.name}:v2"), is_named=False), a_service())
    refuse_foreign(unnamed, None)


@pytest.mark.parametrize("fields", [{"is_function": True}, {"labels": {"transship-part": "bury"}}])
def test_a_function_and_a_part_of_transship_are_refused_also_for_adoption(
    fields: dict[str, Any],
) -> None:
    with pytest.raises(Refused):
        refuse_foreign(a_deploy(adopt=True), a_service(**fields))
