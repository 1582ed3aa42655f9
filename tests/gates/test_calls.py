"""How often a deploy and a sweep ask their neighbours: the least that is possible, and one."""

import re
from collections import Counter
from pathlib import Path

import pytest

from bench.calls import CASES, Case, count
from local import images, world
from tests.fixtures.functions import Cloud, running

SWEPT = ("library/one", "library/two", "library/three")
TAGS = ("1", "1.2", "1.2.3", "latest")


@pytest.mark.parametrize("case", CASES[:3], ids=lambda case: case.name)
def test_a_deploy_makes_no_more_calls_than_it_needs(case: Case, tmp_path: Path) -> None:
    counted = count(case, tmp_path)

    over = {kind: counted[kind] - least for kind, least in case.least.items()}
    assert all(extra >= 0 for extra in over.values()), f"the least is counted wrongly: {over}"
    assert sum(over.values()) <= 1, over
    assert counted["writes to it"] == case.least["writes to it"]


def test_ten_duplicates_at_once_make_one_pull_and_one_write(tmp_path: Path) -> None:
    case = CASES[3]
    counted = count(case, tmp_path)

    assert {kind: counted[kind] for kind in case.least} == case.least


def test_a_sweep_of_what_did_not_move_asks_once_for_each_tag_and_fetches_nothing(
    cloud: Cloud,
) -> None:
    for number, repository in enumerate(SWEPT):
        for tag in TAGS:
            cloud.hub.push(repository, tag, images.static_site(str(number)))
    tags = [f"docker.io/{repository}:{tag}" for repository in SWEPT for tag in TAGS]
    cloud.topics.create_topic(name=world.WARM)
    settings = cloud.settings(
        TRANSSHIP_REDEPLOY_TOPIC=world.REDEPLOY,
        TRANSSHIP_WARM_TOPIC=world.WARM,
        TRANSSHIP_UPSTREAM_RATE="0",
        TRANSSHIP_LOCAL_RUN_V1=cloud.run.v1_url,
    )

    with running("warm_mirror", settings) as warmer:
        for repository in SWEPT:
            assert warmer.push({"kind": "warm", "image": f"docker.io/{repository}:latest"}) == 200
        before = len(cloud.hub.requests), len(cloud.mirror.requests)
        for _ in range(2):
            assert warmer.push({"kind": "shard", "tags": tags}) == 200

    asked = cloud.hub.requests[before[0] :]
    heads = Counter(
        match[1] + ":" + match[2]
        for seen in asked
        if seen.method == "HEAD" and seen.status == 200
        if (match := re.fullmatch(r"/v2/(.+)/manifests/(.+)", seen.path))
    )
    assert heads == Counter({tag.removeprefix("docker.io/"): 2 for tag in tags})
    assert [seen for seen in asked if seen.method == "GET" and seen.path.startswith("/v2/")] == []
    assert sum(seen.path.startswith("/token") for seen in asked) <= len(SWEPT)
    assert sum(seen.status == 401 for seen in asked) <= len(SWEPT)
    assert cloud.mirror.requests[before[1] :] == []
    assert cloud.writes() == []
