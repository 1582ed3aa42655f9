"""What stands on a service is read as it was written, and broken by others it is nothing."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.nouns import INDEX, a_record, a_service, digest
from transship.model.record import Proof, Record

_DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64).map(
    lambda text: type(INDEX)(f"sha256:{text}")
)


@settings(derandomize=True, deadline=None)
@given(
    index=st.none() | _DIGESTS,
    child=_DIGESTS,
    cause=st.text(max_size=50),
    requested_at=st.datetimes(timezones=st.just(UTC)),
    reason=st.text(max_size=20),
    previous=st.none() | _DIGESTS,
    pulled=st.builds(
        Proof,
        blobs=st.integers(0, 1000),
        bytes=st.integers(0, 2**50),
        seconds=st.floats(0, 1e6),
        mirror_agrees=st.none() | st.booleans(),
    ),
)
def test_a_record_is_read_as_it_was_written(**fields: object) -> None:
    record = a_record(**fields)

    assert Record.read(record.annotations()) == record


def test_every_key_is_ours_and_no_prefix_of_googles() -> None:
    assert {key.partition("/")[0] for key in a_record().annotations()} == {"transship.dev"}


# Said for whoever reads, or not said by a record of earlier days.
_OPTIONAL = {"transship.dev/schema", "transship.dev/previous"}


@pytest.mark.parametrize("key", sorted(set(a_record().annotations()) - _OPTIONAL))
def test_a_record_that_lacks_a_part_is_none(key: str) -> None:
    annotations = a_record().annotations()
    del annotations[key]

    assert Record.read(annotations) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image", "not an image"),
        ("index", "sha256:12"),
        ("child", ""),
        ("requested-at", "yesterday"),
        ("requested-at", "2026-11-24T12:00:00"),
        ("pulled", "{"),
        ("pulled", '{"blobs": "many"}'),
    ],
)
def test_a_record_that_another_hand_broke_is_none(key: str, value: str) -> None:
    annotations = {**a_record().annotations(), f"transship.dev/{key}": value}

    assert Record.read(annotations) is None


def test_nothing_is_no_record() -> None:
    assert Record.read({}) is None


def test_the_revision_tells_where_the_service_was_cleared() -> None:
    service = a_service(annotations={})

    assert service.record == a_record()
    assert service.is_ours
    assert service.tracks is None, "that stood on the service alone"


def test_the_service_knows_a_newer_index_of_the_same_deploy() -> None:
    newer = a_record(index=digest("b"))

    assert a_service(annotations=newer.annotations()).record == newer


def test_of_two_deploys_the_revisions_is_the_one() -> None:
    stale = a_record(cause="0")

    assert a_service(annotations=stale.annotations()).record == a_record()


def test_the_service_tells_where_the_template_was_replaced() -> None:
    service = a_service(template_annotations={})

    assert service.record == a_record()


def test_a_service_without_marks_is_somebody_elses() -> None:
    assert not a_service(annotations={}, template_annotations={}).is_ours


def test_equal_instants_are_equal_whatever_the_zone_was() -> None:
    record = a_record(requested_at=datetime(2026, 1, 1, tzinfo=UTC))
    annotations = {
        **record.annotations(),
        "transship.dev/requested-at": "2026-01-01T09:00:00+09:00",
    }

    assert Record.read(annotations) == replace(record)
