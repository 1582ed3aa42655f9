"""``python -m tests.live``: settle in a project of yours what no documentation says.

docs/live.md has the questions, and what the answers change.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from tests.live import session
from tests.live.calls import Calls
from tests.live.catalogue import UnknownExperiment, chosen
from tests.live.experiment import Cost, Experiment
from tests.live.run import State
from tests.live.session import Settings


@click.command()
@click.argument("wanted", nargs=-1)
@click.option("--project", default="", help="A throw-away project; L0 needs none.")
@click.option("--region", default="", help="A Cloud Run region.")
@click.option("--other-region", default="europe-west1", show_default=True)
@click.option("--probe", default="", help="A Docker Hub repository of yours, me/probe.")
@click.option("--hub-user", envvar="HUB_USER", default="", help="HUB_TOKEN has its access token.")
@click.option("--member", default="", help="Who you are; gcloud is asked by default.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("live-records"))
@click.option("--agree", multiple=True, help="An experiment that has to be agreed to by name.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--resume", is_flag=True, help="Go on with the run that waits.")
@click.option("--abandon", is_flag=True, help="Delete what the run made that waits.")
@click.option("--list", "lists", is_flag=True, help="Say what would be done, and end.")
@click.pass_context
def live(
    context: click.Context,
    *,
    wanted: tuple[str, ...],
    project: str,
    region: str,
    other_region: str,
    probe: str,
    hub_user: str,
    member: str,
    folder: Path,
    agree: tuple[str, ...],
    yes: bool,
    resume: bool,
    abandon: bool,
    lists: bool,
) -> None:
    """Run the experiments WANTED: names, bundles (L1) or questions (U4); all without any.

    Ends with 75 while something has to wait: come back with --resume.
    """
    state_file = folder / "state.json"
    waiting = State.load(state_file) if state_file.exists() else None
    if abandon:
        if waiting is None:
            raise click.ClickException(f"{state_file}: no run waits")
        sys.exit(session.abandon(session.google_of(Calls()), waiting, click.echo))
    try:
        names = waiting.names if resume and waiting else wanted
        agreed = (*agree, *names) if resume else agree
        experiments = chosen(names, agreed)
    except UnknownExperiment as unknown:
        raise click.UsageError(str(unknown)) from unknown
    announce(experiments)
    if lists:
        return
    if resume is (waiting is None):
        right = "no run waits" if resume else "a run waits: --resume or --abandon"
        raise click.ClickException(f"{state_file}: {right}")
    settings = Settings(
        project=waiting.project if waiting else project,
        region=waiting.region if waiting else region,
        other_region=waiting.other_region if waiting else other_region,
        probe=waiting.probe if waiting else probe,
        member=member or _member(),
        login=_login(hub_user),
        folder=folder,
    )
    _check(settings, experiments)
    if not (yes or resume):
        where = settings.project or "Docker Hub alone"
        click.confirm(f"Run this in {where}?", abort=True)
    state = waiting or session.begun(settings, experiments)
    context.exit(session.play(settings, state, experiments, click.echo))


def announce(experiments: Sequence[Experiment]) -> None:
    """What is made, and what it costs, before anything is."""
    for each in experiments:
        hours = sum(step.after.total_seconds() for step in each.steps) / 3600
        waits = f", waits {hours:.1f} h" if hours >= 1 else ""
        click.echo(f"{each.bundle} {each.name} ({each.cost.value}{waits})")
        for question, text in each.questions.items():
            click.echo(f"    {question}: {text}")
        for made in (*each.creates, *((f"it {each.consent}",) if each.consent else ())):
            click.echo(f"    + {made}")
    worst = max((each.cost for each in experiments), key=list(Cost).index, default=Cost.NOTHING)
    click.echo(f"Cost of the dearest: {worst.value}. What is made is deleted at the end.")


def _check(settings: Settings, experiments: Sequence[Experiment]) -> None:
    """What is missing, by the option's name."""
    beyond_hub = any(each.bundle != "L0" for each in experiments)
    missing = [
        option
        for option, value in (
            ("--project", settings.project),
            ("--region", settings.region),
            ("--probe", settings.probe),
            ("--hub-user and HUB_TOKEN", settings.login),
        )
        if beyond_hub and not value
    ]
    if missing:
        raise click.UsageError(f"missing: {', '.join(missing)}")


def _login(user: str) -> tuple[str, str] | None:
    token = os.environ.get("HUB_TOKEN", "")
    return (user, token) if user and token else None


def _member() -> str:
    """``user:`` or ``serviceAccount:`` and the e-mail of whoever gcloud is signed in as."""
    command = ["gcloud", "config", "get-value", "account", "--format=json"]
    try:
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        email = str(json.loads(said.stdout or '""') or "")
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    kind = "serviceAccount" if email.endswith(".gserviceaccount.com") else "user"
    return f"{kind}:{email}" if email else ""


if __name__ == "__main__":
    live()
