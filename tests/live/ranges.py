"""L2, with an upstream that does as it is told: ranges of a blob that is stored, and of one that is
not."""

from tests.live.experiment import UNTIL_LOGGED, Bench, Cost, Experiment, Step, tiny

_IMAGE = "probe/site"
_STORED, _FRESH = 241, 242


def _ask_for_ranges(bench: Bench) -> None:
    mirror, upstream = bench.ground.controlled("ranges")
    upstream.serve({"stored": tiny(_STORED), "fresh": tiny(_FRESH)})
    mirror.registry.pull(_IMAGE, "stored")
    mirror.registry.manifest(_IMAGE, "fresh")
    bench.mark("ranges-began")
    for name, seed in (("stored", _STORED), ("fresh", _FRESH)):
        part = mirror.registry.blob(_IMAGE, _layer_of(seed), span="10-19")
        content_range = part.headers.get("Content-Range")
        bench.answer(
            "U35", **{f"{name}_status": part.status, f"{name}_content_range": content_range}
        )


def _read_the_whole(bench: Bench) -> None:
    """Later, since a mirror may store what it has sent after it has sent it."""
    mirror, _ = bench.ground.controlled("ranges")
    bench.answer("U35", whole_status=mirror.registry.blob(_IMAGE, _layer_of(_FRESH)).status)


def _count(bench: Bench) -> None:
    _, upstream = bench.ground.controlled("ranges")
    asked = upstream.requests(bench.moment("ranges-began"))
    bench.notes["ranges-requests"] = asked
    count = sum(_layer_of(_FRESH) in line for line in asked)
    bench.answer("U35", asks_upstream_for_the_fresh=count, a_range_fills=count == 1)


def _layer_of(seed: int) -> str:
    return max(tiny(seed).blobs(), key=lambda blob: blob.size).digest


EXPERIMENTS = (
    Experiment(
        name="ranges",
        bundle="L2",
        questions={
            "U35": "Is a range of a blob answered with 206; does it store one that is not there?"
        },
        creates=("a public Cloud Run service that serves small images, a remote repository of it",),
        cost=Cost.CENTS,
        steps=(
            Step(run=_ask_for_ranges),
            Step(run=_read_the_whole, after=UNTIL_LOGGED),
            Step(run=_count, after=UNTIL_LOGGED),
        ),
    ),
)
