"""A simulated day: how far services are behind their tags, and what Docker Hub is asked for."""

from collections.abc import Callable
from datetime import datetime, timedelta

from tests.simulation.world import TICK, World, sample
from transship.model.schedule import interval

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)

HOURLY = ["team/hourly"]
WEEKLY = [f"team/weekly-{number}" for number in range(1, 4)]
RESTING = [f"team/resting-{number}" for number in range(1, 11)]


def test_a_day_of_moving_and_resting_tags(world: World) -> None:
    for repository in (*HOURLY, *WEEKLY, *RESTING):
        world.push(repository, sample(repository))
        world.follow(repository, repository.replace("/", "-"))
    world.clock.advance(timedelta(days=8).total_seconds())
    seen = len(world.hub.requests)
    moves: list[tuple[str, datetime, datetime | None, str]] = []

    def move(repository: str, text: str) -> Callable[[], object]:
        def happens() -> None:
            moved = sample(text)
            world.push(repository, moved)
            before = [at for name, at, _, _ in moves if name == repository]
            child = moved.child("linux/amd64").digest
            moves.append((repository, world.clock.now(), max(before, default=None), child))

        return happens

    events = {
        hour * HOUR + timedelta(minutes=7 + number): move(repository, f"{repository} {hour}")
        for number, repository in enumerate(HOURLY)
        for hour in range(24)
    }
    for number, repository in enumerate(WEEKLY):
        events[timedelta(hours=5 + 6 * number, minutes=23)] = move(repository, f"{repository} new")
    start = world.clock.now()
    world.live(DAY + HOUR, events)

    assert world.bus.dead == []
    deployed = {
        outcome.child_digest: at for outcome, at in world.said_when("Deployed") if outcome.changed
    }
    for repository, at, before, child in moves:
        # What was waited for when it moved; resting since eight days where it had not before.
        bound = max(interval(before or start - timedelta(days=8), at), TICK)
        assert timedelta() <= deployed[child] - at <= bound, (repository, at)

    due = sum(outcome.due for outcome in world.said("Swept") if outcome.shards)
    heads = world.heads(seen)
    assert len(heads) == due, "one HEAD for each tag that is due"
    moved = {repository for repository, *_ in moves}
    assert {pull.path.split("/manifests/")[0] for pull in world.pulls(seen)} == {
        f"/v2/{repository}" for repository in moved
    }
    assert len(world.pulls(seen)) == 2 * len(moves), "an index and its child for each move"
    tags = len(HOURLY) + len(WEEKLY) + len(RESTING)
    # Looks every 15 minutes would be more than twice as many, every 5 minutes six times.
    assert len(heads) * 2 < tags * 25 * 4, len(heads)
