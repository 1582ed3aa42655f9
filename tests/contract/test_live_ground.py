"""What the live experiments make in a project is found again, and taken back whole."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from local.clock import Clock
from tests.fixtures.google_rest import HOSTS, GoogleRest, google_rest
from tests.live import catalogue, undo
from tests.live.__main__ import live
from tests.live.calls import Calls
from tests.live.experiment import Bench, Experiment, tiny
from tests.live.google import ApiRefused, Google
from tests.live.ground import ProjectGround
from tests.live.http import Http
from tests.live.registry import Registry
from tests.live.run import Runner, State
from tests.live.told import told
from tests.live.world import Cloud

PROJECT = "sample-project"
POLICY = f"cloudresourcemanager.googleapis.com/projects/{PROJECT}"
PASSWORD = "dckr_pat_secret"
EXPERIMENTS = {each.name: each for each in catalogue.EXPERIMENTS}
OPERATOR = "user:operator@example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run, whose ground another process may take up."""

    google: GoogleRest
    cloud: Cloud
    state: State
    calls: Calls
    clock: Clock

    @property
    def ground(self) -> ProjectGround:
        return ProjectGround(cloud=self.cloud, member=OPERATOR)

    def play(self, experiment: Experiment) -> Any:
        """The answers to its first question."""
        runner = Runner(
            state=self.state,
            records=self.state.path.parent,
            bench=lambda: Bench(cloud=self.cloud, ground=self.ground, calls=self.calls),
            now=self.clock.now,
            pause=self.clock.advance,
            say=lambda _: None,
            patience=timedelta(days=7),
        )
        runner.run([experiment])
        progress = self.state.progress[experiment.name]
        assert not progress.failed, progress.failed
        return progress.answers[next(iter(experiment.questions))]

    def sweep(self) -> bool:
        return undo.sweep(self.cloud.google, self.state, lambda _: None)

    def left(self) -> set[str]:
        """Resources that are there, but for operations and what others made for them."""
        return {
            place
            for place in self.google.resources
            if "/operations/" not in place and "eventarc-" not in place
        }


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with google_rest() as google:
        calls, clock = Calls(), Clock()
        http = Http(calls, hosts=dict.fromkeys(HOSTS, google.url))
        state = State(
            path=tmp_path / "state.json",
            run="live-abc123",
            project=PROJECT,
            region="asia-northeast1",
            other_region="europe-west1",
            probe="me/probe",
            names=[],
        )
        cloud = Cloud(
            project=PROJECT,
            number="123456789012",
            region=state.region,
            other_region=state.other_region,
            run=state.run,
            probe=state.probe,
            http=http,
            google=Google(http, lambda: "ya29.secret", grant_seconds=0.0, pauses=(0.001, 0.001)),
            hub=Registry(http=http, host="registry-1.docker.io", login=("me", PASSWORD)),
            artifacts=None,
            services=None,
            revisions=None,
            undo=state.remember,
            now=clock.now,
        )
        yield Run(google=google, cloud=cloud, state=state, calls=calls, clock=clock)


def make_everything(ground: ProjectGround) -> None:
    ground.prepare()
    ground.mirror()
    ground.virtual()
    ground.standard()
    ground.reader()
    ground.controlled("outage")
    ground.listener("head")
    ground.messages()


def test_another_process_finds_what_was_made(run: Run) -> None:
    make_everything(run.ground)
    made = list(run.google.created)

    make_everything(run.ground)

    assert run.google.created == made
    repositories = [place for place in made if "/repositories/live-abc123-" in place]
    assert len(repositories) == 5


def test_everything_that_was_made_is_taken_back(run: Run) -> None:
    make_everything(run.ground)
    audited = run.google.policies[POLICY]["auditConfigs"]
    assert {each["logType"] for each in audited[0]["auditLogConfigs"]} >= {
        "DATA_READ",
        "DATA_WRITE",
    }

    assert run.sweep()

    assert run.left() == set()
    assert run.google.policies[POLICY]["auditConfigs"] == []


def test_what_was_there_before_stays(run: Run) -> None:
    topic = f"pubsub.googleapis.com/projects/{PROJECT}/topics/gcr"
    run.google.resources[topic] = {"name": topic}
    logged = {"logType": "DATA_READ", "exemptedMembers": [OPERATOR]}
    ours = {"service": "artifactregistry.googleapis.com", "auditLogConfigs": [logged]}
    others = {"service": "storage.googleapis.com", "auditLogConfigs": [logged]}
    run.google.policies[POLICY] = {"etag": "0", "auditConfigs": [others, ours]}
    make_everything(run.ground)

    assert run.sweep()

    assert run.left() == {topic}
    assert run.google.policies[POLICY]["auditConfigs"] == [others, ours]


def test_a_policy_that_somebody_else_writes_is_read_again(run: Run) -> None:
    run.google.rivals = 2  # one comes between the look and the first write, one later

    run.ground.standard()

    assert run.google.policies[POLICY]["auditConfigs"]


def test_what_could_not_be_made_whole_is_taken_back_too(run: Run) -> None:
    run.google.refused = {"VIRTUAL_REPOSITORY"}
    with pytest.raises(ApiRefused):
        run.ground.virtual()
    assert any(each.get("url", "").endswith("-virtual") for each in run.state.undo)

    assert run.sweep()

    assert run.left() == set()


def test_what_is_enabled_is_waited_for(run: Run) -> None:
    run.ground.prepare()

    last = run.calls.take()[-1]
    assert last["call"].endswith("/v1/operations/enable")
    assert last["said"]["done"]


def test_no_secret_is_recorded(run: Run) -> None:
    make_everything(run.ground)
    run.ground.token_of("somebody@example.com")

    text = json.dumps(run.calls.kept) + run.state.path.read_text()

    assert "live-abc123-hub" in text
    assert PASSWORD not in text
    assert "ya29.secret" not in text
    assert "signature" not in text


@pytest.mark.parametrize("accepted", [False, True])
def test_a_trigger_is_accepted_or_refused(run: Run, accepted: bool) -> None:
    run.google.refused = set() if accepted else {"Docker-HeadManifest"}
    experiment = EXPERIMENTS["uncatalogued-trigger"]

    # A delivery is something that nothing here makes.
    said = run.play(replace(experiment, steps=experiment.steps[:2]))

    assert said["accepted"] is accepted


def test_the_fields_of_a_subscription_and_its_deliveries_are_told(run: Run) -> None:
    run.google.entries = [heard("/slow"), heard("/slow"), heard("/")]

    said = run.play(EXPERIMENTS["eventarc-subscription"])

    assert said["eventarc"]["ackDeadlineSeconds"] == 10
    assert said["eventarc"]["deadLetterPolicy"] is None
    assert said["deliveries"] == 2


def test_the_subscription_of_a_function_is_told(run: Run) -> None:
    said = run.play(EXPERIMENTS["function-subscription"])

    assert said["functions_api"]["ackDeadlineSeconds"] == 10


@pytest.mark.parametrize("written", [False, True])
def test_attributes_become_headers_or_do_not(run: Run, written: bool) -> None:
    headers = {
        "ce-id": "live-1",
        "ce-type": "dev.transship.live",
        "ce-source": "//transship.dev/live",
        "ce-specversion": "1.0",
    }
    run.google.entries = [heard("/unwrapped", **(headers if written else {}))]

    said = run.play(EXPERIMENTS["unwrapped-attributes"])

    assert (said["delivered"], said["attributes_are_ce_headers"]) == (1, written)


def test_immutable_tags_that_are_refused_end_there(run: Run) -> None:
    run.google.refused = {"immutableTags"}

    assert run.play(EXPERIMENTS["immutable-tags"])["accepted"] is False


def test_a_binding_of_the_project_goes_and_no_other(run: Run) -> None:
    others = {"role": "roles/owner", "members": [OPERATOR]}
    run.google.policies[POLICY] = {"etag": "0", "bindings": [others]}

    said = run.play(EXPERIMENTS["conditional-role"])

    assert set(said) == {"named", "other"}
    assert "condition" in run.google.policies[POLICY]["bindings"][1]
    assert run.sweep()
    assert run.google.policies[POLICY]["bindings"] == [others]


def heard(path: str, **headers: str) -> dict[str, Any]:
    """An entry of the listener's log."""
    payload = {"message": "asked", "method": "POST", "path": path, "headers": headers}
    return {"timestamp": "2026-01-01T00:00:00Z", "jsonPayload": payload}


# The command


def test_what_is_made_and_its_cost_are_said_before_anything_is_asked(tmp_path: Path) -> None:
    said = CliRunner().invoke(live, ["L6", "L3", "--list", f"--folder={tmp_path}"])

    assert said.exit_code == 0
    assert "+ private Cloud Run services that scale to zero" in said.output
    assert "Cost of the dearest: cents" in said.output
    assert not list(tmp_path.iterdir())


def test_the_project_is_named_or_nothing_is_done(tmp_path: Path) -> None:
    arguments = ["L3", "--yes", f"--folder={tmp_path}", "--member=user:me@example.com"]
    said = CliRunner(env={"HUB_USER": "", "HUB_TOKEN": ""}).invoke(live, arguments)

    assert said.exit_code == 2
    assert "--project" in said.output
    assert not list(tmp_path.iterdir())


def test_a_run_that_waits_is_not_forgotten_for_another(run: Run) -> None:
    run.state.save()
    folder = f"--folder={run.state.path.parent}"

    said = CliRunner().invoke(live, ["L3", "--yes", "--project=other", folder])

    assert said.exit_code == 1
    assert "--resume or --abandon" in said.output
    assert State.load(run.state.path).project == PROJECT


def test_a_told_registry_fits_into_a_variable() -> None:
    # https://cloud.google.com/run/quotas: 32 KiB.
    tags = dict.fromkeys((f"t{number}" for number in range(200)), tiny(1)) | {"other": tiny(2)}
    assert len(told(tags)) < 32 * 1024
