"""The live experiments' procedures over the stand-ins: two worlds give two answers.

What hours lie between runs at once here, on a clock that is moved.
"""

from dataclasses import replace
from typing import Any

import grpc
import pytest

from local.images import static_site
from local.registry import Logged
from tests.fixtures.live_stage import ACCOUNT, Stage, stage
from tests.live import catalogue
from tests.live.experiment import Experiment

__all__ = ["stage"]

EXPERIMENTS: dict[str, Experiment] = {each.name: each for each in catalogue.EXPERIMENTS}


def answers(stage: Stage, name: str) -> Any:
    """Those to the experiment's first question."""
    experiment = EXPERIMENTS[name]
    return stage.play(experiment)[next(iter(experiment.questions))]


def test_the_limits_are_told_apart_by_who_asks(stage: Stage) -> None:
    stage.hub.push("ratelimitpreview/test", "latest", static_site("limits"))
    stage.hub.quota.limit = 100
    stage.hub.quota.limits[stage.hub.source_of(ACCOUNT[0])] = 200

    said = answers(stage, "hub-limits")

    assert said["anonymous"]["ratelimit-limit"] == "100;w=21600"
    assert said["account"]["ratelimit-limit"] == "200;w=21600"
    assert said["head_is_free"]


@pytest.mark.parametrize("retry_after", [None, 3600])
def test_the_end_of_the_limit_says_when_to_come_back_or_does_not(
    stage: Stage, retry_after: int | None
) -> None:
    stage.hub.push("ratelimitpreview/test", "latest", static_site("limits"))
    stage.hub.quota.limit = 3
    stage.hub.retry_after = retry_after

    said = answers(stage, "hub-exhausted")

    assert said["pulls"] == 3
    assert said["retry_after"] == (str(retry_after) if retry_after else None)


@pytest.mark.parametrize("logged", [Logged.WITH_DIGEST, Logged.WITHOUT_DIGEST])
def test_an_entry_names_the_digest_or_does_not(stage: Stage, logged: Logged) -> None:
    stage.shelf.logged = logged

    said = stage.play(EXPERIMENTS["audit-of-pulls"])

    reads = said["U3"]["cached"]
    assert [read["method"] for read in reads] == ["Docker-HeadManifest", "Docker-GetManifest"]
    assert all(read["names_digest"] is (logged is Logged.WITH_DIGEST) for read in reads)
    assert {entry["principal"] for entry in said["U1"]["moved"]} == {stage.operator}


@pytest.mark.parametrize("publishes", [False, True])
def test_a_fill_is_published_or_is_not(stage: Stage, publishes: bool) -> None:
    stage.shelf.publishes_to_gcr = publishes

    said = stage.play(EXPERIMENTS["audit-of-pulls"])["U2"]

    assert bool(said["cached"]) is publishes
    assert bool(said["moved"]) is publishes
    assert not said["unchanged"]


def test_a_tag_that_nobody_pulls_stays(stage: Stage) -> None:
    said = answers(stage, "idle-tag")

    assert (said["refreshed_without_a_pull"], said["held"]) == (False, "first")


@pytest.mark.parametrize("one", [False, True])
def test_the_spellings_of_an_official_image_are_one_package_or_two(stage: Stage, one: bool) -> None:
    stage.hub.push("library/busybox", "latest", static_site("official"))
    stage.shelf.doubts.one_library_package = one

    said = answers(stage, "library-names")

    assert said["one_package"] is one
    assert len(said["packages"]) == (1 if one else 2)
    assert said["resources"]


def test_a_pull_through_a_virtual_repository_is_found(stage: Stage) -> None:
    said = answers(stage, "virtual-pull")

    assert (said["status"], said["names_the_virtual_one"]) == (200, True)


@pytest.mark.parametrize("fills", [False, True])
def test_the_window_is_told_for_each_verb(stage: Stage, fills: bool) -> None:
    stage.shelf.doubts.head_fills = fills

    said = answers(stage, "tag-window")

    assert said["head_fills"] is fills
    # Looked at every five minutes.
    assert 3600 <= said["get_shows_a_move_after"] <= 3900
    assert said["head_shows_a_move_after"] < 300 or fills
    assert said["head_shows_a_move_after"] >= 3600 or not fills


@pytest.mark.parametrize("fetched", [False, True])
def test_an_index_comes_with_its_children_or_without(stage: Stage, fetched: bool) -> None:
    stage.shelf.doubts.index_fetches_children = fetched

    said = answers(stage, "index-children")

    assert said["index_stored"]
    assert said["children_stored"] == (2 if fetched else 0)


@pytest.mark.parametrize("stale", [False, True])
def test_an_outage_is_bridged_by_the_stale_tag_or_is_not(stage: Stage, stale: bool) -> None:
    stage.shelf.doubts.stale_tag_served = stale

    said = answers(stage, "outage")

    assert said["up"] == said["up_again"] == 200
    assert said["upstream_500"]["stale_tag_served"] is stale
    assert said["upstream_500"]["status"] == (200 if stale else 502)
    assert said["upstream_429"]["status"] == (200 if stale else 429)
    assert said["upstream_500"]["status_by_digest"] == 200


def test_requests_of_the_upstream_are_counted(stage: Stage) -> None:
    said = answers(stage, "reads-by-digest")

    assert said["cached_asks_upstream"] == 0
    assert said["uncached_asks_upstream"] > 0
    assert said["cached_status"] == said["uncached_status"] == 200


@pytest.mark.parametrize("fills", [False, True])
def test_a_range_fills_or_passes_through(stage: Stage, fills: bool) -> None:
    stage.shelf.doubts.range_fills = fills

    said = answers(stage, "ranges")

    assert said["stored_status"] == said["fresh_status"] == 206
    assert said["stored_content_range"].startswith("bytes 10-19/")
    assert said["a_range_fills"] is fills


def test_a_mirror_without_ranges_is_seen(stage: Stage) -> None:
    stage.shelf.doubts.ignores_ranges = True

    assert answers(stage, "ranges")["stored_status"] == 200


@pytest.mark.parametrize("refetches", [False, True])
def test_a_deleted_tag_is_asked_for_again_or_waits(stage: Stage, refetches: bool) -> None:
    stage.shelf.doubts.deletion_refetches = refetches

    said = answers(stage, "deletion")

    assert said["deleting_the_tag_refetches"] is refetches
    assert said["version_deleted"] is False  # the stand-in does not: that is said, and goes on


def test_the_create_time_is_read_at_each_move(stage: Stage) -> None:
    said = answers(stage, "create-times")

    assert said["first"]["created"] == said["away"]["created"]
    assert all(said[note]["moved"] for note in ("first", "away", "back"))
    assert said["create_time_is_of_the_first_caching"]


def test_cache_misses_are_counted_until_one_is_refused(stage: Stage) -> None:
    experiment = EXPERIMENTS["upstream-limit"]
    misses = replace(experiment, steps=experiment.steps[1:])  # no stand-in tells quotas

    said = stage.play(misses)["U10"]

    assert (said["asked"], said["refused"]) == (200, 0)


def test_escaped_names_work_and_plain_ones_do_not(stage: Stage) -> None:
    stage.hub.push("library/hello-world", "latest", static_site("hello"))

    said = answers(stage, "escaped-names")

    works = {what: each["works"] for what, each in said.items() if what != "rest"}
    assert works == {
        f"{method} {form}": form == "escaped"
        for method in ("GetDockerImage", "GetTag", "ListTags")
        for form in ("escaped", "plain")
    }


def test_what_was_never_asked_for_is_not_listed(stage: Stage) -> None:
    said = answers(stage, "listed-tags")

    assert said["lists_what_was_never_asked_for"] is False
    assert said["tags_of_the_registry_api"] == ["listed-cached"]
    assert said["follows_a_move"] is False


@pytest.mark.parametrize("granted", [False, True])
def test_a_reader_fills_or_is_refused(stage: Stage, granted: bool) -> None:
    if not granted:
        stage.shelf.readers.discard(stage.reader_account)

    said = answers(stage, "reader-fills")

    assert said["fills"] is granted
    assert said["status"] == (200 if granted else 403)
    assert ("DENIED" in said["text"]) is not granted


@pytest.mark.parametrize("shows_child", [False, True])
def test_a_revision_shows_the_index_or_its_child(stage: Stage, shows_child: bool) -> None:
    stage.run.behaviour.shows_child_digest = shows_child

    said = answers(stage, "digest-shown")

    shown = "child" if shows_child else "index"
    assert said["index"]["service"] == ["index"]
    assert said["index"]["revision"] == [shown]
    assert said["sidecar"]["revision"] == [shown, shown]


@pytest.mark.parametrize("code", [grpc.StatusCode.ABORTED, grpc.StatusCode.FAILED_PRECONDITION])
def test_a_stale_etag_is_refused_with_either_code(stage: Stage, code: grpc.StatusCode) -> None:
    stage.run.behaviour.stale_etag = code

    said = answers(stage, "stale-etag")

    assert said["grpc_refuses"]
    assert code.name.lower().replace("_", "") in said["grpc"].lower().partition(":")[0]


def test_a_deploy_says_whether_it_filled_the_mirror(stage: Stage) -> None:
    said = answers(stage, "cold-deploy")

    assert said["tag"]["deployed"]
    assert said["tag"]["filled"]
    assert said["digest"]["deployed"]
    assert not said["missing"]["deployed"]
    assert "not found" in said["missing"]["condition"]["message"]


def test_annotations_are_written_in_three_sizes(stage: Stage) -> None:
    assert set(answers(stage, "annotation-size")) == {"1_KiB", "64_KiB", "300_KiB"}


def test_a_list_by_label_says_the_regions(stage: Stage) -> None:
    said = answers(stage, "label-list")

    assert said["listed"] == 2
    assert sorted(said["regions"]) == ["asia-northeast1", "europe-west1"]
