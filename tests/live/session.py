"""A run from its first step to the last deletion, over as many processes as it takes."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from google.cloud import artifactregistry_v1, run_v2

from tests.live import undo
from tests.live.calls import Calls
from tests.live.experiment import Bench, Experiment
from tests.live.google import Google, signed_in
from tests.live.ground import ProjectGround
from tests.live.http import Http
from tests.live.registry import Registry
from tests.live.run import Runner, State
from tests.live.world import Cloud

_MANAGER = "https://cloudresourcemanager.googleapis.com/v3/projects"
_DOCKER_HUB = "registry-1.docker.io"
# What an idle run looks like to a shell: EX_TEMPFAIL of sysexits.h.
ENDED, LEFT, WAITING = 0, 1, 75


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """*login* is Docker Hub's; *probe* a repository there whose tags are moved."""

    project: str
    region: str
    other_region: str
    probe: str
    member: str
    login: tuple[str, str] | None
    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state.json"


def begun(settings: Settings, experiments: Sequence[Experiment]) -> State:
    state = State(
        path=settings.state,
        # Short: account names are at most thirty characters with what follows.
        run=f"live-{secrets.token_hex(3)}",
        project=settings.project,
        region=settings.region,
        other_region=settings.other_region,
        probe=settings.probe,
        names=[each.name for each in experiments],
    )
    state.save()
    return state


def play(
    settings: Settings,
    state: State,
    experiments: Sequence[Experiment],
    say: Callable[[str], None],
) -> int:
    """ENDED, LEFT where something failed or is still there, or WAITING for another process."""
    calls = Calls()
    bench = _bench(settings, state, calls)
    runner = Runner(
        state=state,
        records=settings.folder,
        bench=lambda: Bench(cloud=bench.cloud, ground=bench.ground, calls=calls),
        now=lambda: datetime.now(UTC),
        pause=time.sleep,
        say=say,
    )
    try:
        due = runner.run(experiments)
    except KeyboardInterrupt:
        say("broken off: --resume goes on, --abandon deletes what was made")
        return WAITING
    except BaseException:
        # A mistake of ours: what was made goes all the same.
        undo.sweep(bench.cloud.google, state, say)
        raise
    if due is not None:
        say(f"nothing is due before {due.isoformat(timespec='minutes')}: come back with --resume")
        return WAITING
    failed = [name for name, said in state.progress.items() if said.failed]
    return abandon(bench.cloud.google, state, say) or (LEFT if failed else ENDED)


def abandon(google: Google, state: State, say: Callable[[str], None]) -> int:
    """Delete what was made, and the state where nothing is left."""
    if not undo.sweep(google, state, say):
        say(f"{len(state.undo)} things are still there: --abandon tries again")
        return LEFT
    state.path.unlink(missing_ok=True)
    return ENDED


def google_of(calls: Calls) -> Google:
    return Google(Http(calls), signed_in())


def _bench(settings: Settings, state: State, calls: Calls) -> Bench:
    http = Http(calls)
    hub = Registry(http=http, host=_DOCKER_HUB, login=settings.login)
    if not settings.project:
        # Docker Hub alone is asked.
        google = Google(http, lambda: "")
        number = ""
    else:
        google = Google(http, signed_in())
        project = google.read(f"{_MANAGER}/{settings.project}")
        number = project["name"].rpartition("/")[2]
    cloud = Cloud(
        project=settings.project,
        number=number,
        region=settings.region,
        other_region=settings.other_region,
        run=state.run,
        probe=settings.probe,
        http=http,
        google=google,
        hub=hub,
        artifacts=artifactregistry_v1.ArtifactRegistryClient() if number else None,
        services=run_v2.ServicesClient() if number else None,
        revisions=run_v2.RevisionsClient() if number else None,
        undo=state.remember,
        now=lambda: datetime.now(UTC),
    )
    ground = ProjectGround(cloud=cloud, member=settings.member)
    if settings.project:
        ground.prepare()
    return Bench(cloud=cloud, ground=ground, calls=calls)
