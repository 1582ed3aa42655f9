"""The stand-in for Cloud Logging: what is written is listed, what it does not know is refused."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.cloud_logging import CloudLogging
from tests.fixtures.stage import eventually

ACCOUNT = "somebody@sample-project.iam.gserviceaccount.com"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[CloudLogging]:
    stand_in = CloudLogging("sample-project")
    stand_in.watch("transship-bury", tmp_path / "bury.log")
    stand_in.start()
    yield stand_in
    stand_in.stop()


def write(path: Path, *lines: object) -> None:
    with path.open("a") as file:
        file.writelines(f"{json.dumps(line)}\n" for line in lines)


def listed(
    log: CloudLogging, words: str = "", *, token: str = f"ya29.local.{ACCOUNT}", **more: Any
) -> tuple[int, dict[str, Any]]:
    asked = {"resourceNames": ["projects/sample-project"], "filter": words, **more}
    request = urllib.request.Request(
        f"{log.url}/v2/entries:list",
        json.dumps(asked).encode(),
        {"Authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_line_becomes_an_entry_as_on_cloud_run(log: CloudLogging, tmp_path: Path) -> None:
    line = {
        "severity": "ERROR",
        "message": "dead letter",
        "dead_letter": "42",
        "logging.googleapis.com/trace": "projects/sample-project/traces/1",
    }
    write(tmp_path / "bury.log", line)
    eventually(lambda: bool(log.payloads()), "the line is read")

    _, answer = listed(log)

    (entry,) = answer["entries"]
    assert entry["severity"] == "ERROR"
    assert entry["jsonPayload"] == {"message": "dead letter", "dead_letter": "42"}
    assert entry["resource"]["labels"]["service_name"] == "transship-bury"


def test_filters_choose_and_pages_follow(log: CloudLogging, tmp_path: Path) -> None:
    write(tmp_path / "bury.log", *({"message": "a", "n": n} for n in range(5)), {"message": "b"})
    eventually(lambda: bool(listed(log, 'jsonPayload.message="a"')[1]["entries"]), "it is read")

    words = 'jsonPayload.message=("a" OR "c") AND timestamp>="2000-01-01T00:00:00Z"'
    _, first = listed(log, words, pageSize=3, orderBy="timestamp desc")
    _, rest = listed(
        log, words, pageSize=3, orderBy="timestamp desc", pageToken=first["nextPageToken"]
    )

    numbers = [e["jsonPayload"]["n"] for e in (*first["entries"], *rest["entries"])]
    assert numbers == [4, 3, 2, 1, 0]
    assert "nextPageToken" not in rest


@pytest.mark.parametrize(
    "words",
    ['a="b" OR c="d"', 'NOT a="b"', 'a!~"b"', "severity>=ERROR", '"text"', 'a="b" AND', "a=b"],
)
def test_a_filter_beyond_its_language_is_refused(log: CloudLogging, words: str) -> None:
    status, answer = listed(log, words)

    assert (status, answer["error"]["status"]) == (501, "UNIMPLEMENTED")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (r"^dev\.transship\.", True),
        (r"deployed\.v[0-9]$", True),
        ("DEPLOYED", False),  # else comparisons have no case
        (r"dev\\.", False),
        ("^transship", False),
    ],
)
def test_a_pattern_is_looked_for_in_the_text(
    log: CloudLogging, tmp_path: Path, pattern: str, found: bool
) -> None:
    write(tmp_path / "bury.log", {"type": "dev.transship.deployed.v1", "n": 1}, {"n": 2})
    eventually(lambda: len(log.payloads()) == 2, "the lines are read")

    _, answer = listed(log, f'jsonPayload.type=~"{pattern}" AND jsonPayload.n="1"')

    assert bool(answer["entries"]) is found
    assert listed(log, 'jsonPayload.type=~".*" AND jsonPayload.n="2"')[1]["entries"] == []


def test_a_pattern_that_is_none_is_refused(log: CloudLogging) -> None:
    assert listed(log, 'jsonPayload.type=~"("')[0] == 400


def test_whoever_has_no_token_or_no_grant_reads_nothing(log: CloudLogging) -> None:
    assert listed(log, token="ya29.google")[0] == 401

    log.denied.add(ACCOUNT)

    assert listed(log)[0] == 403


def test_a_field_that_it_does_not_know_is_refused(log: CloudLogging) -> None:
    status, answer = listed(log, pagesize=3)

    assert (status, "pagesize" in answer["error"]["message"]) == (400, True)


def test_another_projects_log_is_not_here(log: CloudLogging) -> None:
    assert listed(log, resourceNames=["projects/another"])[0] == 400
