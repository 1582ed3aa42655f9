"""The command line by itself: its flags, its settings, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result

from tools import cli as page
from transship.cli import flags
from transship.cli.app import transship
from transship.cli.ending import Ended, Status, in_words
from transship.cli.settings import config_of
from transship.errors import AccessDenied, InvalidEvent, Refused, ServiceUnavailable
from transship.model.messages import DeployRequest
from transship.model.steering import STEERINGS
from transship.variables import InvalidConfiguration

PLACE = {"TRANSSHIP_PROJECT": "sample-project", "TRANSSHIP_REGION": "asia-northeast1"}
# Whoever runs the tests may have settings of his own.
NOWHERE = {"HOME": "/nonexistent", "XDG_CONFIG_HOME": None, "TRANSSHIP_CONFIG": None}


def run(*words: str, **env: str) -> Result:
    unset = dict.fromkeys(("TRANSSHIP_PROJECT", "TRANSSHIP_REGION", "PUBSUB_EMULATOR_HOST"))
    return CliRunner().invoke(transship, words, env={**unset, **NOWHERE, **env})


def message(*words: str) -> dict[str, Any]:
    """What `transship deploy` would publish for these flags."""
    command = click.Command("deploy", params=[*flags.options()])
    with command.make_context("deploy", list(words)) as context:
        found: dict[str, Any] = json.loads(flags.message_of("nginx", context.params))
    return found


def test_the_help_loads_no_client_of_googles_and_nothing_that_is_slow() -> None:
    program = (
        "import sys; from transship.cli.app import transship;"
        "transship(['--help'], standalone_mode=False);"
        "slow = ('google.api_core', 'google.auth', 'google.pubsub', 'google.cloud.', 'grpc',"
        " 'rich', 'structlog', 'urllib3');"
        "print([name for name in sys.modules if name.startswith(slow)])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_the_page_says_what_the_command_says() -> None:
    assert page.main(["--check"]) == 0, "python -m tools.cli writes it"


def test_every_field_of_the_message_has_a_flag_or_is_for_programs() -> None:
    own = {option.name for option in flags.options()}

    missing = set(DeployRequest.__struct_fields__) - own
    assert missing == {"image", "project", "region", "only_if", "progress", "requested_at"}


def test_every_flag_and_every_verb_says_what_it_is_for() -> None:
    assert [option.name for option in flags.options() if not option.help] == []
    assert [name for name, verb in transship.commands.items() if not verb.help] == []


def test_every_kind_that_people_send_has_a_verb() -> None:
    ours = {"explain", "advance"}

    assert set(STEERINGS) - ours <= set(transship.commands)


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--port", "80"], "port", 80),
        (["--cpu", "0.5"], "cpu", "0.5"),
        (["--timeout", "5m"], "timeout", "5m"),
        (["--allow-unauthenticated"], "allow_unauthenticated", True),
        (["--no-allow-unauthenticated"], "allow_unauthenticated", False),
        (["--no-track"], "track", False),
        (["--set-env-vars", "A=1,B=2=3"], "env_vars", {"A": "1", "B": "2=3"}),
        (["--set-env-vars", ""], "env_vars", {}),
        (["--update-env-vars", "^:^A=1,2:B=3"], "update_env_vars", {"A": "1,2", "B": "3"}),
        (["--remove-env-vars", "A,B"], "remove_env_vars", ["A", "B"]),
        (["--args", "-c,echo"], "args", ["-c", "echo"]),
        (["--labels", "team=web"], "labels", {"team": "web"}),
    ],
)
def test_flags_are_gclouds_and_make_the_messages_fields(
    words: list[str], field: str, value: object
) -> None:
    assert message(*words) == {"image": "nginx", field: value}


def test_what_no_flag_names_is_not_in_the_message() -> None:
    assert message() == {"image": "nginx"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nginx", "--port", "0"], "--port"),
        (["nginx", "--set-env-vars", "A"], "KEY=VALUE"),
        (["nginx", "--set-env-vars", "1A=x"], "--set-env-vars"),
        (["nginx", "--ingress", "some"], "--ingress"),
        (["ngi nx"], "white space"),
        ([""], "right is for example nginx:1.27"),
        (["nginx", "--service", "Web"], "--service"),
        (["nginx", "--cpu", "much"], "--cpu"),
        (["nginx", "--set-env-vars", "A=1", "--update-env-vars", "B=2"], "--set-env-vars"),
        (["nginx", "--no-such-flag"], "--no-such-flag"),
    ],
)
def test_a_wrong_command_line_ends_with_status_2_before_anything_is_published(
    words: list[str], says: str
) -> None:
    # Whoever would publish here would find no stack, and end with another status.
    result = run("deploy", *words, **PLACE, PUBSUB_EMULATOR_HOST="127.0.0.1:1")

    assert (result.exit_code, says in result.output) == (2, True), result.output


@pytest.mark.parametrize("verb", ["status", "pause", "outcomes", "images"])
def test_without_a_project_it_says_where_to_give_one(verb: str) -> None:
    result = run(verb)

    assert result.exit_code == 2
    for place in ("--project", "TRANSSHIP_PROJECT", "transship.toml", "python -m local env"):
        assert place in result.output


def test_flags_stand_in_for_settings_that_are_not_there() -> None:
    assert config_of({}, project="p-1", region="us-east1").project == "p-1"


def test_a_variable_goes_before_the_file_and_the_file_before_a_flag(tmp_path: Path) -> None:
    file = tmp_path / "transship.toml"
    file.write_text('project = "from-file"\nregion = "us-east1"\n')
    env = {"TRANSSHIP_CONFIG": str(file)}

    config = config_of({**env, "TRANSSHIP_REGION": "us-west1"}, project="from-flag")

    assert (config.project, config.region) == ("from-file", "us-west1")
    assert str(config.mirrors.mirrors[0]) == "docker.io=us-west1-docker.pkg.dev/from-file/docker"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('projekt = "p"', "did you mean `project`?"),
        ("region = 1", 'right is region = "…"'),
        ("project", "transship.toml"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "transship.toml"
    file.write_text(text)

    with pytest.raises(InvalidConfiguration, match=r"transship\.toml") as refused:
        config_of({**PLACE, "TRANSSHIP_CONFIG": str(file)})

    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidEvent("wrong"), Status.USAGE),
        (Refused("rule", "no"), Status.FAILED),
        (AccessDenied("grant roles/x"), Status.NOT_REACHED),
        (ServiceUnavailable("down"), Status.NOT_REACHED),
        (InvalidConfiguration("TRANSSHIP_X"), Status.USAGE),
    ],
)
def test_an_error_ends_in_words_and_a_status(error: Exception, status: Status) -> None:
    with pytest.raises(Ended) as ended, in_words():
        raise error

    assert ended.value.exit_code == status
    assert str(error) in ended.value.message


def test_missing_credentials_say_how_to_get_some() -> None:
    from google.auth.exceptions import DefaultCredentialsError  # noqa: PLC0415 - slow to load

    # google-auth has no annotations.
    error: Any = DefaultCredentialsError
    with pytest.raises(Ended, match="application-default login") as ended, in_words():
        raise error("none were found")

    assert ended.value.exit_code == Status.NOT_REACHED


def test_a_bug_stays_a_traceback() -> None:
    with pytest.raises(ZeroDivisionError), in_words():
        raise ZeroDivisionError


def test_every_reason_is_told_with_how_to_clear_it() -> None:
    result = run("why", "--format", "json", **PLACE)

    told = [msgspec.json.decode(line) for line in result.stdout.splitlines()]
    assert {"reason", "clear"} == set(told[0])
    assert "held" in [each["reason"] for each in told]


def test_pausing_says_what_to_do_and_does_nothing() -> None:
    result = run("pause", **PLACE)

    assert "Nothing has been changed" in result.output
    assert result.output.count("TRANSSHIP_PAUSED=true") == 3
    assert "paused = true" in result.output


def test_completion_is_there_for_shells() -> None:
    result = run(_TRANSSHIP_COMPLETE="bash_source")

    assert "_TRANSSHIP_COMPLETE=bash_complete" in result.output
