"""How our client makes, reads and records services, and what it makes of refusals."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from local import world
from tests.fixtures.cloud_run import (
    MIRRORED,
    NAME,
    ONE,
    TWO,
    UPSTREAM,
    When,
    World,
    wanted,
)
from tests.fixtures.operations import finished
from transship.errors import (
    AccessDenied,
    RateLimited,
    Refused,
    ServiceConflict,
    ServiceUnavailable,
)
from transship.model.focus import caused_by
from transship.model.service import CLIENT
from transship.model.settings import Settings, pairs


def test_what_is_not_there_is_none(at: World) -> None:
    assert at.services.get(NAME) is None


def test_a_service_that_is_made_reads_as_it_was_wanted(at: World) -> None:
    settings = Settings(
        args=("-v",),
        command=("/bin/serve",),
        concurrency=7,
        cpu=2000,
        env_vars=pairs({"B": "2", "A": "1"}),
        ingress="internal",
        labels=pairs({"team": "a"}),
        max_instances=4,
        memory=1024**3,
        min_instances=1,
        port=8081,
        service_account=world.RUNTIME,
        timeout=120,
    )

    generation = at.services.create(wanted(settings=settings))

    service = at.read()
    assert service.generation == generation
    assert settings.differences(service.settings) == [], "whatever Cloud Run made of them"
    assert service.image == MIRRORED.pin(ONE).untagged()
    assert service.record == wanted(settings=settings).record
    assert service.tracks == UPSTREAM
    assert service.client == CLIENT


def test_what_is_read_and_written_back_unchanged_makes_no_revision(at: World) -> None:
    at.services.create(wanted())
    first = at.read()

    at.services.replace(first, wanted())

    assert at.read().latest_created == first.latest_created


def test_a_second_maker_of_a_service_is_in_conflict(at: World) -> None:
    at.services.create(wanted())

    with pytest.raises(ServiceConflict):
        at.services.create(wanted())


def test_of_ten_makers_at_once_one_makes_it(at: World) -> None:
    def make(_: int) -> bool:
        try:
            at.services.create(wanted())
        except ServiceConflict:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(make, range(10)))

    assert made.count(True) == 1


def test_of_ten_writers_with_one_etag_one_writes(at: World) -> None:
    at.services.create(wanted())
    seen = at.read()

    def write(number: int) -> bool:
        try:
            at.services.replace(seen, wanted(TWO, cause=str(number)))
        except ServiceConflict:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        written = list(pool.map(write, range(10)))

    assert written.count(True) == 1


def test_the_record_stands_on_the_revision_and_the_tracking_on_the_service(at: World) -> None:
    at.services.create(wanted(cause="77"))

    service = at.read()
    revision = at.services.revision(NAME, service.latest_created)

    assert revision is not None
    assert revision.record == service.record == wanted(cause="77").record
    assert "transship.dev/tracks" in service.annotations
    assert "transship.dev/tracks" not in revision.annotations


def test_a_newer_record_replaces_the_whole_of_an_older_one(at: World) -> None:
    at.services.create(wanted())
    service = at.said()
    service.template.annotations["transship.dev/of-yesterday"] = "x"
    service.template.annotations["example.com/kept"] = "y"
    at.change(service)

    at.services.replace(at.read(), wanted(TWO))

    annotations = at.said().template.annotations
    assert "transship.dev/of-yesterday" not in annotations
    assert annotations["example.com/kept"] == "y"


def test_the_revision_that_an_event_made_is_found_when_others_came_since(at: World) -> None:
    at.services.create(wanted(cause="1"))
    first = at.read().latest_created
    at.services.replace(at.read(), wanted(TWO, cause="2"))

    found = caused_by(at.services.newest_revisions(NAME), "1")

    assert found is not None
    assert (found.name, found.record and found.record.child) == (first, ONE)
    assert caused_by(at.services.newest_revisions(NAME), "3") is None


def test_a_revision_that_somebody_else_made_of_ours_is_not_the_events(at: World) -> None:
    """It takes the template's annotations along."""
    at.services.create(wanted(cause="1"))
    first = at.read().latest_created
    service = at.said()
    service.template.max_instance_request_concurrency = 1
    at.change(service)
    assert at.read().latest_created != first

    found = caused_by(at.services.newest_revisions(NAME), "1")

    assert found is not None
    assert found.name == first


@pytest.mark.parametrize("code", [grpc.StatusCode.ABORTED, grpc.StatusCode.FAILED_PRECONDITION])
def test_a_stale_etag_is_a_conflict_whatever_its_code(at: World, code: grpc.StatusCode) -> None:
    at.run.behaviour.stale_etag = code
    at.services.create(wanted())
    seen = at.read()
    at.meddle()

    with pytest.raises(ServiceConflict):
        at.services.replace(seen, wanted(TWO))

    assert at.read().image == MIRRORED.pin(ONE).untagged()


def test_what_the_api_refuses_is_refused_for_good(at: World) -> None:
    at.services.create(wanted())

    with pytest.raises(Refused, match=r"Total cpu < 1.*rule: run\.googleapis\.com"):
        at.services.replace(at.read(), wanted(TWO, Settings(cpu=500, memory=512 * 1024**2)))


def test_a_service_that_is_gone_is_a_conflict(at: World) -> None:
    at.services.create(wanted())
    seen = at.read()
    finished(at.google.delete_service(name=str(NAME)))

    with pytest.raises(ServiceConflict):
        at.services.replace(seen, wanted(TWO))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_deadline_says_nothing_about_what_was_done(at: World, when: When) -> None:
    at.services.create(wanted())
    seen = at.read()
    at.fails("UpdateService", grpc.StatusCode.DEADLINE_EXCEEDED, when)

    with pytest.raises(ServiceUnavailable):
        at.services.replace(seen, wanted(TWO))

    assert at.read().runs(TWO) is (when == "after")


def test_the_quota_of_writes_is_a_limit(at: World) -> None:
    at.fails("CreateService", grpc.StatusCode.RESOURCE_EXHAUSTED)

    with pytest.raises(RateLimited) as limited:
        at.services.create(wanted())

    assert limited.value.source == "run.googleapis.com"


def test_a_missing_permission_names_the_grants(at: World) -> None:
    at.fails("CreateService", grpc.StatusCode.PERMISSION_DENIED)
    with pytest.raises(AccessDenied, match=r"roles/run\.developer.*roles/iam\.serviceAccountUser"):
        at.services.create(wanted())

    at.fails("GetService", grpc.StatusCode.PERMISSION_DENIED)
    with pytest.raises(AccessDenied, match=r"grant roles/run\.developer"):
        at.services.get(NAME)
