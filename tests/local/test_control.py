"""The verbs and the control server, over one running stack."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from local import home, world
from tests.fixtures.stage import eventually
from tests.local.command_line import Terminal, interrupted, run, started

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with started(tmp_path_factory.mktemp("control") / "stack") as terminal:
        yield terminal


def status_of(request: urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code


def post(terminal: Terminal, path: str, body: bytes, **headers: str) -> int:
    headers = {"Content-Type": "application/json", **headers}
    control = home.look(terminal.folder).control
    return status_of(urllib.request.Request(control + path, body, headers))


def test_a_shell_takes_the_environment_as_it_is(terminal: Terminal) -> None:
    script = f'{terminal.ok("env")}\nprintf %s "$TRANSSHIP_POLICY"'
    shell = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert shell.stdout == home.look(terminal.folder).env["TRANSSHIP_POLICY"]
    assert json.loads(shell.stdout)


def test_a_message_is_published_and_its_outcome_printed(terminal: Terminal) -> None:
    outcome = json.loads(terminal.ok("publish", "--wait", '{"image": "hello"}'))
    assert outcome["type"] == "dev.transship.deployed.v1"
    name, url, image, revision, access = terminal.ok("services").splitlines()[0].split("\t")
    assert (name, access) == ("hello", "private")
    assert url.startswith("http://127.0.0.1:")
    assert "/library/hello@sha256:" in image
    assert revision == outcome["data"]["revision"]


def test_a_message_that_is_not_json_is_published_too_and_rejected(terminal: Terminal) -> None:
    waited = terminal.run("publish", "--wait", "{")
    outcome = json.loads(waited.stdout)
    assert outcome["type"] == "dev.transship.rejected.v1"
    assert outcome in [json.loads(line) for line in terminal.ok("outcomes").splitlines()]


def test_waiting_for_a_message_that_is_rejected_fails_and_says_why(terminal: Terminal) -> None:
    waited = terminal.run("publish", "--wait", '{"image": "nginx:"}')
    assert waited.exit_code == 1
    assert "Error: rejected: the tag after the colon is empty" in waited.stderr


def test_a_topic_may_be_named_in_full(terminal: Terminal) -> None:
    assert terminal.ok("publish", "--topic", world.DEPLOY, "{}").strip()


def test_a_verb_takes_the_folder_behind_it_too(terminal: Terminal) -> None:
    behind = run(terminal.folder / "none", "tags", "--dir", str(terminal.folder), "hello")
    assert behind.stdout == terminal.ok("tags", "hello")


def test_a_pushed_tag_moves_and_a_deleted_one_is_gone(terminal: Terminal) -> None:
    terminal.ok("push", "somebody/site:1", "--text", "one")
    before = terminal.ok("tags", "somebody/site")
    terminal.ok("push", "somebody/site:1", "--text", "two")
    assert terminal.ok("tags", "somebody/site") != before
    terminal.ok("delete-tag", "somebody/site:1")
    assert "has no" in terminal.run("tags", "somebody/site").stderr


def test_a_part_that_is_down_is_up_again(terminal: Terminal) -> None:
    hub = dict(
        entry.split("=", 1)
        for entry in home.look(terminal.folder).env["TRANSSHIP_LOCAL_HOSTS"].split(",")
    )["registry-1.docker.io"]
    ping = urllib.request.Request(f"{hub}/v2/")
    terminal.ok("down", "hub")
    with pytest.raises(urllib.error.URLError, match="refused"):
        status_of(ping)
    terminal.ok("up", "hub")
    assert status_of(ping) == 401


def test_an_outcome_waits_while_docker_hub_is_limited(terminal: Terminal) -> None:
    terminal.ok("push", "somebody/limited", "--text", "x")
    message = '{"image": "somebody/limited"}'
    terminal.ok("limit", "on")
    try:
        waited = terminal.run("publish", "--wait", "--within", "2", message)
        assert "no outcome within 2 s" in waited.stderr
        assert waited.exit_code == 3
    finally:
        terminal.ok("limit", "off")
    terminal.ok("publish", "--wait", message)


def test_while_paused_a_moved_tag_is_not_followed(terminal: Terminal) -> None:
    terminal.ok("push", "somebody/paused", "--text", "one")
    terminal.ok("publish", "--wait", '{"image": "somebody/paused"}')
    terminal.ok("pause", "on")
    try:
        terminal.ok("push", "somebody/paused", "--text", "two")
        hint = '{"kind": "hint", "image": "docker.io/somebody/paused:latest"}'
        told = json.loads(terminal.ok("publish", "--wait", "--topic", "transship-hints", hint))
        assert [each["reason"] for each in told["data"]["decisions"]] == ["paused"]
    finally:
        terminal.ok("pause", "off")


def test_why_says_paused_from_one_look_at_the_tag_to_the_next(terminal: Terminal) -> None:
    """As docs/local.md has it."""

    def why() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-m", "transship", "why", "stays", "--format", "json"],
            env={**os.environ, **home.look(terminal.folder).env},
            capture_output=True,
            text=True,
            check=True,
        )
        return [each["reason"] for each in json.loads(done.stdout)["reasons"]]

    terminal.ok("push", "somebody/stays", "--text", "one")
    terminal.ok("publish", "--wait", '{"image": "somebody/stays"}')
    terminal.ok("pause", "on")
    try:
        terminal.ok("push", "somebody/stays", "--text", "two")
        assert why() == ["due"]
        terminal.ok("clock", "advance", "10m")
        eventually(lambda: why() == ["paused"], "the sweep has looked")
    finally:
        terminal.ok("pause", "off")
    assert why() == ["paused"]
    terminal.ok("clock", "advance", "10m")
    eventually(lambda: not {"due", "paused"} & set(why()), "the next sweep deploys it")


def test_the_clock_moves_as_far_as_it_is_told(terminal: Terminal) -> None:
    before, after = (terminal.ok("clock", "advance", step).strip() for step in ("1s", "2d"))
    assert after[:10] > before[:10]


def test_the_log_of_a_function_is_its_json(terminal: Terminal) -> None:
    terminal.run("publish", "--wait", "{}")
    entries = [json.loads(line) for line in terminal.ok("logs").splitlines()]
    assert "event settled" in [entry["message"] for entry in entries]


def test_the_page_is_at_the_address_of_whoever_looks(terminal: Terminal) -> None:
    def shown(*words: str) -> tuple[int, str]:
        url = terminal.ok("page", *words)
        assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+\n", url)
        try:
            with urllib.request.urlopen(f"{url.strip()}/", timeout=10) as answer:
                return int(answer.status), answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    assert terminal.ok("page").strip() in (terminal.folder.parent / "stack.txt").read_text()
    assert terminal.ok("page") == terminal.ok("page", "--as", world.OPERATOR)
    for words, who in (((), world.OPERATOR), (("--as", world.VIEWER), world.VIEWER)):
        status, text = shown(*words)
        assert (status, who in text) == (200, True)
    assert shown("--as", "nobody@example.com")[0] == 403


@pytest.mark.parametrize("verb", ["outcomes", "logs"])
def test_ctrl_c_ends_what_follows_quietly(terminal: Terminal, verb: str) -> None:
    terminal.run("publish", "--wait", "{}")
    assert interrupted(terminal.folder, verb, "--follow") == (130, "")


@pytest.mark.parametrize(
    ("words", "right", "status"),
    [
        (["clock", "advance", "1x"], "for example 1h", 2),
        (["clock", "advance", "90d"], "at most 30 days", 2),
        (["down", "hubb"], "right is one of hub, mirror, deploy_image", 2),
        (["up", "nope"], "right is one of hub, mirror, deploy_image", 2),
        (["up", "hub", "--upstream", "hub"], "for the start of a stack", 2),
        (["up"], "a stack runs already", 1),
        (["push", "UPPER", "--text", "x"], "for example dockersamples/static-site:latest", 2),
        (["push", "hello:", "--text", "x"], "for example dockersamples/static-site:latest", 2),
        (["push", "ghcr.io/a/b", "--text", "x"], "is not a Docker Hub image", 2),
        (["tags", "Bad Name"], "is not a Docker Hub image", 2),
        (["tags", "somebody/nothing"], "`push` makes one", 1),
        (["delete-tag", "Bad Name"], "is not a Docker Hub image", 2),
        (["delete-tag", "somebody/nothing"], "has no tag latest", 1),
        (["page", "--as", "viewer"], "right is for example viewer@example.com", 2),
        (["page", "--as", "a b@example.com"], "no e-mail address", 2),
        (["logs", "nothing"], "deploy_image", 2),
        (["publish", "--topic", "nosuch", "{}"], "right is one of gcr, transship-", 4),
        (["publish", "--topic", "", "{}"], "right is one of gcr, transship-", 4),
        (["publish", ""], "MESSAGE is empty; right is for example", 2),
        (["publish", "--wait", "--within", "0", "{}"], "not in the range x>0", 2),
    ],
)
def test_an_error_says_what_would_be_right(
    terminal: Terminal, words: list[str], right: str, status: int
) -> None:
    result = terminal.run(*words)
    assert result.exit_code == status
    assert right in result.stderr


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/limit", b'{"on": "yes"}', {}, 400),
        ("/limit", b"{}", {}, 400),
        ("/limit", b"[]", {}, 400),
        ("/limit", b"{", {}, 400),
        ("/outcomes", b'{"message": {}}', {}, 400),
        ("/nothing", b"{}", {}, 404),
        ("/tags/delete", b'{"image": "somebody/nothing"}', {}, 404),
        ("/limit", b" " * 1024 * 1024 + b"{}", {}, 413),
        ("/limit", b"{}", {"Content-Type": "text/plain"}, 415),  # what any web page may send
        ("/limit", b"{}", {"Host": "rebound.example"}, 421),
    ],
)
def test_the_control_server_refuses_what_is_not_for_it(
    terminal: Terminal, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert post(terminal, path, body, **headers) == status
