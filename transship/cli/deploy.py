"""`transship deploy`: publish the message, and stay until the outcome is there."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import click

from transship.cli import flags, hearing, telling
from transship.cli.ending import Ended, Status
from transship.cli.tools import Tools, verb
from transship.deadline import Deadline
from transship.errors import AccessDenied, InvalidEvent
from transship.model.messages import DeployRequest, decode_message
from transship.model.naming import ServiceName
from transship.model.reference import parse_reference
from transship.model.request import deploy_of

# A little longer than a deploy may take before it is redelivered.
WITHIN = 600.0

follow_options = (
    click.option(
        "--follow/--no-follow",
        default=None,
        help="Wait for the outcome.  [default: on a terminal]",
    ),
    click.option(
        "--within",
        type=click.FloatRange(min=0, min_open=True),
        default=WITHIN,
        show_default=True,
        help="How long to wait for it, in seconds.",
    ),
)


def followed(run: Any) -> Any:
    for option in reversed(follow_options):
        run = option(run)
    return run


@click.command(params=flags.options(), short_help="Deploy an image to a service.")
@click.argument("image")
@followed
@verb
def deploy(tools: Tools, image: str, *, follow: bool | None, within: float, **named: Any) -> None:
    """Deploy IMAGE, as Docker writes it, to a Cloud Run service.

    What no flag names is left as it is on an existing service. Lists and mappings are written as
    for gcloud: `a,b`, or `^:^a,b:c` where an item has a comma.
    """
    parse_reference(image)
    stays = follows(tools, follow)
    place = {**tools.named, **({"progress": True} if stays and _progress(tools) else {})}
    data = flags.message_of(image, {**named, **place})
    service = _service(tools, data)
    attributes = {"kind": "deploy", "service": service.service}
    send_and_tell(tools, data, attributes, service=service, follow=stays, within=within)


def send_and_tell(
    tools: Tools,
    data: bytes,
    attributes: dict[str, str],
    *,
    service: ServiceName,
    follow: bool,
    within: float,
) -> None:
    """To the topic of explicit requests. Ends the command by the outcome's status."""
    topic = tools.topic("deploy")
    if not follow:
        told_published(tools, topic, tools.publish(topic, data, attributes))
        return
    heard = publish_and_hear(
        tools,
        lambda: tools.publish(topic, data, attributes),
        matching=hearing.of_service(service.service),
        # What steers leaves no trace of its event there.
        service=service if attributes["kind"] == "deploy" else None,
        within=within,
    )
    conclude(tools, heard)


def told_published(tools: Tools, topic: str, event_id: str) -> None:
    """The id is what outcomes name: for a pipe, that is all there is to say."""
    if tools.output.json:
        tools.output.document({"event_id": event_id, "topic": topic})
    else:
        click.echo(event_id)


def publish_and_hear(
    tools: Tools,
    publish: Callable[[], str],
    *,
    matching: str,
    service: ServiceName | None,
    within: float,
) -> hearing.Heard:
    """*service* is the one that a deploy is of, and tells of it; None for other messages.

    Raises Ended at the deadline; the message is published all the same.
    """
    subscriptions, project = tools.clients.subscriptions, tools.config.project
    deadline = Deadline.after(within)
    with ExitStack() as held:
        shown = held.enter_context(telling.progress(tools.output, "on its way"))
        try:
            subscription = held.enter_context(
                hearing.listening(subscriptions, project, tools.topic("outcomes"), matching)
            )
        except AccessDenied as error:
            if service is None:
                raise AccessDenied(f"{error}; or give --no-follow, and do not wait") from error
            tools.output.warn(f"{error}. Without that, the service itself is looked at.")
            subscription = ""
        if service and subscription and (topic := _progress(tools)):
            held.enter_context(hearing.steps(subscriptions, project, topic, service.service, shown))
        event_id = publish()
        tools.output.say(f"message {event_id} is published")
        on_its_way = (
            f"the message {event_id} is on its way all the same: `transship outcomes --follow`"
            " hears the outcome, and a message that keeps failing ends among"
            " `transship dead-letters list`"
        )
        try:
            heard = (
                hearing.outcome_of(subscriptions, subscription, event_id, deadline=deadline)
                if subscription or service is None
                else hearing.look_on(tools.clients.services, service, event_id, deadline=deadline)
            )
        except KeyboardInterrupt:
            raise Ended(f"not waited for any more; {on_its_way}", Status.INTERRUPTED) from None
    if heard is None:
        raise Ended(f"no outcome within {within:g} s; {on_its_way}", Status.TIMED_OUT)
    return heard


def conclude(tools: Tools, heard: hearing.Heard) -> None:
    telling.tell(tools.output, heard)
    if status := telling.status_of(heard):
        raise click.exceptions.Exit(int(status))


def _service(tools: Tools, data: bytes) -> ServiceName:
    """That the message means, read as the function will read it.

    Raises InvalidEvent, by the flag, for what it would reject whatever its policy.
    """
    message = decode_message(data)
    assert isinstance(message, DeployRequest)  # noqa: S101 - it was made as one
    try:
        deploy = deploy_of(
            message,
            event_id="",
            published_at=datetime.now(UTC),
            project=tools.project,
            region=tools.region,
            runtime_account="",
            mirrors=tools.config.mirrors,
        )
    except InvalidEvent as error:
        raise InvalidEvent(flags.in_flags(str(error))) from error
    return deploy.service


def follows(tools: Tools, asked: bool | None) -> bool:
    return tools.output.is_watched if asked is None else asked


def _progress(tools: Tools) -> str:
    return tools.config.progress_topic
