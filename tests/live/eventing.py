"""L4: what Eventarc and Pub/Sub make of triggers, subscriptions and attributes.

https://cloud.google.com/eventarc/docs/reference/rest/v1/projects.locations.triggers and
https://docs.cloud.google.com/pubsub/docs/payload-unwrapping
"""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.live import undo
from tests.live.experiment import (
    UNTIL_GRANTED,
    UNTIL_LOGGED,
    Bench,
    Cost,
    Experiment,
    Step,
    tiny,
)
from tests.live.google import ApiRefused
from tests.live.world import Listener

_EVENTARC = "https://eventarc.googleapis.com/v1"
_PUBSUB = "https://pubsub.googleapis.com/v1"
_RUN = "https://run.googleapis.com/v2"
_AUDIT = "google.cloud.audit.log.v1.written"
_MESSAGE = "google.cloud.pubsub.topic.v1.messagePublished"
_UNCATALOGUED = "Docker-HeadManifest"
# Longer than the ten seconds that Eventarc's subscriptions are said to wait for an answer.
_SLOW = 30.0
# A trigger delivers only what happens some minutes after it was made.
_UNTIL_DELIVERED = timedelta(minutes=5)
_CE = {
    "ce-id": "live-1",
    "ce-type": "dev.transship.live",
    "ce-source": "//transship.dev/live",
    "ce-specversion": "1.0",
}


def _listener(bench: Bench) -> Listener:
    return bench.ground.listener(bench.notes["listener"])


def _account(short: str) -> Callable[[Bench], None]:
    """What triggers deliver as: it may receive events, and call the listener."""

    def run(bench: Bench) -> None:
        bench.notes["listener"] = short
        _grant(bench)

    return run


def _grant(bench: Bench) -> None:
    cloud, listener = bench.cloud, _listener(bench)
    email = bench.ground.account("events")
    bench.notes["account"] = email
    member = f"serviceAccount:{email}"
    undo.bind_project(cloud, {"role": "roles/eventarc.eventReceiver", "members": [member]})
    undo.bind(cloud.google, f"{_RUN}/{listener.name}", "roles/run.invoker", member)


def _trigger(bench: Bench, short: str, filters: dict[str, str], **more: Any) -> Any:
    """The trigger as it is read back; raises ApiRefused."""
    cloud, listener = bench.cloud, _listener(bench)
    name = f"{cloud.location}/triggers/{cloud.run}-{short}"
    cloud.delete_later(f"{_EVENTARC}/{name}")
    service = listener.name.rpartition("/")[2]
    body = {
        "name": name,
        "eventFilters": [{"attribute": key, "value": value} for key, value in filters.items()],
        "serviceAccount": bench.notes["account"],
        "destination": {
            "cloudRun": {"service": service, "region": cloud.region, "path": f"/{short}"}
        },
        **more,
    }
    place = f"{_EVENTARC}/{cloud.location}/triggers?triggerId={cloud.run}-{short}"
    cloud.google.done("POST", place, body)
    return cloud.google.read(f"{_EVENTARC}/{name}")


def _uncatalogued(bench: Bench) -> None:
    bench.ground.mirror()  # and with it the audit log
    filters = {
        "type": _AUDIT,
        "serviceName": "artifactregistry.googleapis.com",
        "methodName": _UNCATALOGUED,
    }
    try:
        bench.notes["trigger"] = _trigger(bench, "head", filters)
    except ApiRefused as refused:
        bench.answer("U18", accepted=False, said=refused.answer.text())
    else:
        bench.answer("U18", accepted=True)


def _head(bench: Bench) -> None:
    if "trigger" in bench.notes:
        cloud, mirror = bench.cloud, bench.ground.mirror()
        cloud.hub.push(cloud.probe, "head", tiny(401))
        bench.mark("began")
        mirror.registry.manifest(cloud.probe, "head", method="HEAD")


def _delivered(bench: Bench) -> None:
    if "began" in bench.notes:
        heard = _listener(bench).heard(bench.moment("began"))
        events = [each["headers"] for each in heard if each["path"] == "/head"]
        bench.answer("U18", delivered=len(events), headers=events[:1])


def _topic(bench: Bench, short: str) -> str:
    cloud = bench.cloud
    name = f"projects/{cloud.project}/topics/{cloud.run}-{short}"
    cloud.delete_later(f"{_PUBSUB}/{name}")
    cloud.google.done("PUT", f"{_PUBSUB}/{name}", {})
    return name


def publish(bench: Bench, topic: str, data: bytes, attributes: dict[str, str]) -> Any:
    """The answer, good or not."""
    message = {"data": base64.b64encode(data).decode(), "attributes": attributes}
    return bench.cloud.google.ask("POST", f"{_PUBSUB}/{topic}:publish", {"messages": [message]})


def subscription_fields(bench: Bench, name: str) -> dict[str, Any]:
    """What decides on redelivery, of a subscription that somebody else made."""
    said = bench.cloud.google.read(f"{_PUBSUB}/{name}")
    wanted = (
        "ackDeadlineSeconds", "deadLetterPolicy", "enableMessageOrdering",
        "messageRetentionDuration", "retryPolicy", "expirationPolicy",
    )  # fmt: skip
    return {field: said.get(field) for field in wanted}


def _eventarc_subscription(bench: Bench) -> None:
    topic = _topic(bench, "slow")
    bench.notes["topic"] = topic
    transport = {"pubsub": {"topic": topic}}
    made = _trigger(bench, "slow", {"type": _MESSAGE}, transport=transport)
    name = made["transport"]["pubsub"]["subscription"]
    bench.answer("U29", eventarc=subscription_fields(bench, name))
    _listener(bench).answer_after(_SLOW)


def _publish_slow(bench: Bench) -> None:
    bench.mark("published")
    publish(bench, bench.notes["topic"], b'{"slow": true}', {})


def _count_deliveries(bench: Bench) -> None:
    listener = _listener(bench)
    heard = listener.heard(bench.moment("published"))
    times = [each["time"] for each in heard if each["path"] == "/slow"]
    bench.answer("U29", deliveries=len(times), times=times, handler_seconds=_SLOW)
    listener.answer_after(0.0)


def _unwrapped(bench: Bench) -> None:
    bench.notes["listener"] = "unwrapped"
    cloud, listener = bench.cloud, _listener(bench)
    topic = _topic(bench, "unwrapped")
    name = f"projects/{cloud.project}/subscriptions/{cloud.run}-unwrapped"
    cloud.delete_later(f"{_PUBSUB}/{name}")
    push = {"pushEndpoint": f"{listener.url}/unwrapped", "noWrapper": {"writeMetadata": True}}
    cloud.google.done("PUT", f"{_PUBSUB}/{name}", {"topic": topic, "pushConfig": push})
    bench.mark("published")
    answer = publish(bench, topic, b'{"live": true}', _CE)
    bench.answer("U31", published=answer.status, said="" if answer.is_good else answer.text())


def _unwrapped_headers(bench: Bench) -> None:
    heard = _listener(bench).heard(bench.moment("published"))
    requests = [each["headers"] for each in heard if each["path"] == "/unwrapped"]
    came = {name: requests[0].get(name) for name in _CE} if requests else {}
    bench.answer(
        "U31",
        delivered=len(requests),
        headers=requests[:1],
        attributes_are_ce_headers=bool(came) and came == _CE,
    )


_LISTENER = "a public Cloud Run service that notes what is sent to it"

EXPERIMENTS = (
    Experiment(
        name="uncatalogued-trigger",
        bundle="L4",
        questions={"U18": "Does Eventarc take and deliver a method that its catalogue lacks?"},
        creates=(_LISTENER, "a trigger, an account, a remote repository, audit logs"),
        cost=Cost.CENTS,
        steps=(
            Step(run=_account("head")),
            Step(run=_uncatalogued, after=UNTIL_GRANTED),
            Step(run=_head, after=_UNTIL_DELIVERED),
            Step(run=_delivered, after=_UNTIL_DELIVERED),
        ),
    ),
    Experiment(
        name="eventarc-subscription",
        bundle="L4",
        questions={"U29": "What are the deadline, order and dead letters of Eventarc's own?"},
        creates=(_LISTENER, "a topic, a trigger, an account"),
        cost=Cost.CENTS,
        steps=(
            Step(run=_account("slow")),
            Step(run=_eventarc_subscription, after=UNTIL_GRANTED),
            Step(run=_publish_slow, after=_UNTIL_DELIVERED),
            Step(run=_count_deliveries, after=_UNTIL_DELIVERED),
        ),
    ),
    Experiment(
        name="unwrapped-attributes",
        bundle="L4",
        questions={"U31": "Do attributes named ce-… arrive as headers of an unwrapped push?"},
        creates=(_LISTENER, "a topic with a push subscription"),
        cost=Cost.CENTS,
        steps=(Step(run=_unwrapped), Step(run=_unwrapped_headers, after=UNTIL_LOGGED)),
    ),
)
