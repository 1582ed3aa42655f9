"""The verbs that speak to a running stack, by ordinary clients or its control server."""

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from local import asking, world
from local.asking import Ended, announced, in_folder
from local.logbook import Logbook, readable
from local.outcomes import ended_well, reason
from local.terminal import console, short, table

_LONG_POLL = 10
_FOLLOW_PAUSE = 0.2
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add_to(group: click.Group) -> None:
    for verb in (
        publish,
        services,
        outcomes,
        push,
        tags,
        delete_tag,
        limit,
        pause,
        down,
        clock,
        page,
        logs,
    ):
        group.add_command(verb)


def set_part(folder: Path, name: str, *, up: bool) -> None:
    asking.post(folder, "/part", {"name": name, "up": up})
    click.echo(f"{name} is {'up' if up else 'down'}")


@click.command
@click.argument("message")
@click.option("--topic", default="transship-deploy", show_default=True)
@click.option("--wait", is_flag=True, help="Wait for the outcome and print it.")
@click.option(
    "--within",
    type=click.FloatRange(min=0, min_open=True),
    default=120.0,
    show_default=True,
    help="How long, in seconds.",
)
@in_folder
@click.pass_obj
def publish(folder: Path, message: str, topic: str, *, wait: bool, within: float) -> None:
    """Publish MESSAGE as it is, JSON or not: '{"image": "dockersamples/static-site"}'.

    With --wait the status tells whether it went well, as that of `transship` does.
    """
    if not message:
        raise click.UsageError('MESSAGE is empty; right is for example \'{"image": "hello"}\'')
    running = announced(folder)
    after = max((each["number"] for each in asking.outcomes(folder, after=0)), default=0)
    message_id = _published(running.env, topic, message.encode())
    if not wait:
        click.echo(message_id)
        return
    click.echo(f"message {message_id} is published", err=True)
    until = time.monotonic() + within
    while time.monotonic() < until:
        for each in asking.outcomes(folder, after=after, wait=min(_LONG_POLL, within)):
            after = each["number"]
            if each["outcome"]["data"].get("event_id") == message_id:
                _print_json(each["outcome"])
                if not ended_well(each["outcome"]):
                    raise Ended(reason(each["outcome"]))
                return
    raise Ended(
        f"no outcome within {within:.0f} s: `python -m local logs` tells what the function does",
        asking.TIMED_OUT,
    )


def _published(env: Mapping[str, str], topic: str, data: bytes) -> str:
    from local import clients  # noqa: PLC0415 - Google's clients take half a second to load

    name = topic.removeprefix(world.topic(""))
    with asking.answering():
        known = clients.topics(env)
        if name not in known:
            raise Ended(
                f"no topic {name!r}; right is one of {', '.join(known)}", asking.NOT_REACHED
            )
        return clients.publish(env, world.topic(name), data)


@click.command
@in_folder
@click.pass_obj
def services(folder: Path) -> None:
    """List what runs on the local Cloud Run."""
    from local import clients  # noqa: PLC0415 - Google's clients take half a second to load

    output = console()
    env = announced(folder).env
    with asking.answering():
        found = clients.services(env)
    for service, public in found:
        name = service.name.rpartition("/")[2]
        image = service.template.containers[0].image
        revision = service.latest_ready_revision.rpartition("/")[2] or "none is ready"
        access = "public" if public else "private"
        if not output.is_terminal:
            table(output, (), [(name, service.uri, image, revision, access)])
            continue
        mirrored, _, digest = image.removeprefix(f"{world.MIRROR}/").partition("@")
        output.print(f"{name}  {service.uri}  {access}", style="bold")
        output.print(f"  {revision}\n  {mirrored}@{short(digest)}", style="dim")


@click.command
@click.option("--follow", "-f", is_flag=True, help="Go on until Ctrl-C.")
@in_folder
@click.pass_obj
def outcomes(folder: Path, *, follow: bool) -> None:
    """Print the outcomes so far, a JSON object a line."""
    after = 0
    while True:
        for each in asking.outcomes(folder, after=after, wait=_LONG_POLL if follow else 0):
            after = each["number"]
            click.echo(json.dumps(each["outcome"]))
        if not follow:
            return


@click.command
@click.argument("image")
@click.option("--text", required=True, help="What the site says.")
@in_folder
@click.pass_obj
def push(folder: Path, image: str, text: str) -> None:
    """Build a sample site and push it to the local Docker Hub; this is how a tag is moved."""
    pushed = asking.post(folder, "/images", {"image": image, "text": text})
    moved = f" (before: {pushed['before']})" if pushed["before"] else ""
    click.echo(f"{pushed['image']} is {pushed['digest']}{moved}")


@click.command
@click.argument("image")
@in_folder
@click.pass_obj
def tags(folder: Path, image: str) -> None:
    """List the tags of IMAGE on the local Docker Hub."""
    found = asking.get(folder, "/tags", {"image": image})
    if not found:
        raise Ended(f"the local Docker Hub has no {image}; `push` makes one")
    table(console(), ("tag", "digest"), sorted(found.items()))


@click.command("delete-tag")
@click.argument("image")
@in_folder
@click.pass_obj
def delete_tag(folder: Path, image: str) -> None:
    """Delete the tag that IMAGE names from the local Docker Hub."""
    asking.post(folder, "/tags/delete", {"image": image})
    click.echo(f"{image} is gone from the local Docker Hub")


@click.command
@click.argument("state", type=click.Choice(["on", "off"]))
@in_folder
@click.pass_obj
def limit(folder: Path, state: str) -> None:
    """Let the local Docker Hub refuse pulls (429), or serve them again."""
    asking.post(folder, "/limit", {"on": state == "on"})
    click.echo("Docker Hub answers pulls by 429" if state == "on" else "Docker Hub serves pulls")


@click.command
@click.argument("state", type=click.Choice(["on", "off"]))
@in_folder
@click.pass_obj
def pause(folder: Path, state: str) -> None:
    """Stop all automatic deploys, or let them go on: what `transship pause` prints for a project.

    The functions that decide start anew, which takes some seconds.
    """
    asking.post(folder, "/pause", {"on": state == "on"})
    click.echo("automatic deploys are paused" if state == "on" else "automatic deploys go on")


@click.command
@click.argument("part")
@in_folder
@click.pass_obj
def down(folder: Path, part: str) -> None:
    """Stop PART (hub, mirror or a function) until `up PART`."""
    set_part(folder, part, up=False)


@click.group
def clock() -> None:
    """The stack's clock: windows of hours need not be waited for."""


@clock.command
@click.argument("duration")
@in_folder
@click.pass_obj
def advance(folder: Path, duration: str) -> None:
    """Move the clock forward by DURATION: 90s, 5m, 1h, 2d."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd])", duration)
    if found is None:
        raise click.BadParameter("right is a number and s, m, h or d, for example 1h")
    click.echo(asking.post(folder, "/clock", {"seconds": float(found[1]) * _UNITS[found[2]]}))


@click.command
@click.option(
    "--as",
    "who",
    metavar="EMAIL",
    default=world.OPERATOR,
    show_default=True,
    help=f"Who is signed in: {world.VIEWER} may look only, others see nothing.",
)
@in_folder
@click.pass_obj
def page(folder: Path, who: str) -> None:
    """Print the address of transship's page, where EMAIL is signed in; when piped, that alone."""
    found = asking.post(folder, "/page", {"email": who})
    output = console()
    output.print(found["url"], soft_wrap=True)
    if output.is_terminal:
        output.print(f"  {who} is signed in there, and {found['rights']}", style="dim")


@click.command
@click.argument("name", default="deploy_image")
@click.option("--follow", "-f", is_flag=True, help="Go on until Ctrl-C.")
@in_folder
@click.pass_obj
def logs(folder: Path, name: str, *, follow: bool) -> None:
    """Print the log of a function, or of the `stack` itself; as JSON when piped."""
    announced(folder)
    known = sorted(path.stem for path in (folder / "log").glob("*.log"))
    if name not in known:
        raise Ended(f"no log of {name!r}; right is one of {', '.join(known)}", asking.USAGE)
    logbook = Logbook(folder / "log" / f"{name}.log", from_start=True)
    output = console()
    while True:
        for line in logbook.new_lines():
            output.print(readable(line) if output.is_terminal else line, soft_wrap=True)
        if not follow:
            return
        time.sleep(_FOLLOW_PAUSE)


def _print_json(value: Any) -> None:
    output = console()
    if output.is_terminal:
        output.print_json(json.dumps(value))
    else:
        click.echo(json.dumps(value))
