"""How often a deploy asks each of its neighbours, beside the least that their protocols allow."""

import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from itertools import takewhile
from pathlib import Path

from google.api_core.exceptions import NotFound

from bench.turns import table
from local import images, world
from tests.fixtures.functions import SITE, WRITES, Cloud, Function, running

_REQUEST = {"image": SITE, "service": "web"}
_TEN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """*least* is by kind of call, *why* what each is for."""

    name: str
    prepare: Callable[[Cloud, Function], None]
    run: Callable[[Cloud, Function], None]
    least: dict[str, int]
    why: str


def _nothing(cloud: Cloud, function: Function) -> None:
    pass


def _deploy(_: Cloud, function: Function) -> None:
    assert function.push(_REQUEST) == 200


def _deploy_and_move(cloud: Cloud, function: Function) -> None:
    _deploy(cloud, function)
    cloud.hub.push(SITE, "latest", images.static_site("two"))


def _deploy_ten_times(_: Cloud, function: Function) -> None:
    def push(_: int) -> int:
        return function.push(_REQUEST, message_id="4711")

    with ThreadPoolExecutor(_TEN) as pool:
        assert set(pool.map(push, range(_TEN))) == {200}


# An index, a manifest, the config and two layers; then the tag, so that the console lists it.
_PULL = 6
CASES = (
    Case(
        name="a new service",
        prepare=_nothing,
        run=_deploy,
        least={"upstream": 3, "mirror": _PULL, "reads of Cloud Run": 1, "writes to it": 1},
        why="HEAD, refused, its token, HEAD; index, manifest, config, 2 layers, tag;"
        " is it there; create",
    ),
    Case(
        name="a tag that moved",
        prepare=_deploy_and_move,
        run=_deploy,
        least={"upstream": 1, "mirror": _PULL, "reads of Cloud Run": 1, "writes to it": 1},
        why="HEAD with the token that is known; the pull as above; its etag; update",
    ),
    Case(
        name="nothing changed",
        prepare=_deploy,
        run=_deploy,
        least={"upstream": 1, "mirror": 0, "reads of Cloud Run": 1, "writes to it": 0},
        why="HEAD; what runs",
    ),
    Case(
        name="ten duplicates at once",
        prepare=_deploy_and_move,
        run=_deploy_ten_times,
        least={"upstream": 10, "mirror": _PULL, "writes to it": 1, "revisions made": 1},
        why="a HEAD each, while the first has its turn; the others find it done",
    ),
)
KINDS = ("upstream", "mirror", "reads of Cloud Run", "writes to it", "revisions made")


def count(case: Case, root: Path) -> Counter[str]:
    """The function's own calls: the mirror asks upstream and Cloud Run pulls by themselves."""
    with Cloud(root) as cloud, running("deploy_image", cloud.settings()) as function:
        case.prepare(cloud, function)
        asked = len(cloud.hub.requests), len(cloud.mirror.requests)
        revisions = _revisions(cloud)
        cloud.run.journal.forget_calls()
        case.run(cloud, function)

        # Whoever has a login is the mirror. It is refused at first as we are, so a token of ours
        # stands for the request that was refused as well.
        ours = [seen for seen in cloud.hub.requests[asked[0] :] if not seen.identity]
        tokens = sum(seen.path.startswith("/token") for seen in ours)
        heads = sum(seen.method == "HEAD" and seen.status == HTTPStatus.OK for seen in ours)
        pulls = [
            seen for seen in cloud.mirror.requests[asked[1] :] if seen.identity == world.DEPLOYER
        ]
        calls = [call.method for call in cloud.run.calls()]
        # Up to the first write. Later ones wait for Cloud Run, as long as that takes.
        reads = list(takewhile(lambda call: call not in WRITES, calls))
        return Counter(
            {
                "upstream": heads + 2 * tokens,
                "mirror": len(pulls),
                "reads of Cloud Run": len(reads),
                "writes to it": sum(call in WRITES for call in calls),
                "revisions made": _revisions(cloud) - revisions,
            }
        )


def _revisions(cloud: Cloud) -> int:
    try:
        return len(cloud.revision_names(_REQUEST["service"]))
    except NotFound:
        return 0


def measure(tiny: bool) -> str:
    rows: list[list[object]] = []
    for case in CASES[:1] if tiny else CASES:
        with tempfile.TemporaryDirectory() as place:
            counted = count(case, Path(place))
        rows += [
            [case.name if kind == KINDS[0] else "", kind, counted[kind], case.least.get(kind, "")]
            for kind in KINDS
        ]
    why = "\n".join(f"* {case.name}: {case.why}." for case in CASES)
    return f"""\
## Calls of a deploy

Counted at the stand-ins, by who asked; reads of Cloud Run up to the write, since those that wait
for it depend on how long it takes. The target is the least and one more.
Ten duplicates at once come to one instance, which has them take turns; in as many instances each
would try to write, by the etag that it read, and one would be let.

{table(("deploy", "calls", "made", "least"), rows)}

What the least is made of:

{why}
"""
