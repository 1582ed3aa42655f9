"""Which function hears which topic, as whom, and what ticks: what infra/ makes in production."""

from collections.abc import Mapping

from google.pubsub_v1 import PublisherClient, SubscriberClient

from local import world
from local.scheduler import Job

# Production waits 10 to 600 seconds between deliveries (infra/); a person here waits for none.
_BACKOFF = {"minimum_backoff": {"nanos": 200_000_000}, "maximum_backoff": {"seconds": 2}}
_ACK_DEADLINE = 600
ATTEMPTS = 100

# Topic -> the function that its messages are pushed to.
ROUTES = {
    world.DEPLOY: "deploy_image",
    world.REDEPLOY: "deploy_image",
    world.HINTS: "refresh_services",
    world.GCR: "refresh_services",
    world.WARM: "warm_mirror",
    world.ROLLOUTS: "advance_rollouts",
    world.DEAD_LETTER: "bury",
}
# Those that no topic is pushed to; others are asked by Docker Hub, by Eventarc and by people.
UNROUTED = ("docker_hub_webhook", "forward_hints", "console")
# Where somebody wants notices: TRANSSHIP_NOTIFY.
NOTIFIED = {world.OUTCOMES: "notify", world.NOTICES: "notify"}
THREADS = {"deploy_image": 8, "refresh_services": 8}
FEW_THREADS = 4
ACCOUNTS = {
    "deploy_image": world.DEPLOYER,
    "refresh_services": world.REFRESHER,
    "docker_hub_webhook": world.account("transship-webhook"),
    "forward_hints": world.account("transship-forward"),
    "warm_mirror": world.WARMER,
    "advance_rollouts": world.account("transship-advance"),
    "bury": world.account("transship-bury"),
    "console": world.CONSOLE,
    "notify": world.account("transship-notify"),
}
# On the movable clock.
JOBS = (
    Job(
        name="transship-sweep",
        schedule="*/10 * * * *",
        topic=world.WARM,
        data=b'{"kind": "sweep"}',
    ),
    Job(
        name="transship-rollouts",
        schedule="*/2 * * * *",
        topic=world.ROLLOUTS,
        data=b'{"kind": "tick"}',
    ),
)


def make_topics(
    publisher: PublisherClient,
    subscriber: SubscriberClient,
    routes: Mapping[str, str],
    urls: Mapping[str, str],
    *,
    attempts: int,
) -> None:
    """The topics, a push subscription for each route, and those that people look through.

    *routes* are from topics to functions, whose addresses are in *urls*.
    """
    for topic in dict.fromkeys((*routes, world.OUTCOMES, world.PROGRESS, world.NOTICES)):
        publisher.create_topic(name=topic)
    for topic, target in routes.items():
        given_up = {"dead_letter_topic": world.DEAD_LETTER, "max_delivery_attempts": attempts}
        subscriber.create_subscription(
            {
                # As infra/ names it.
                "name": world.subscription(f"transship-{_short(topic).removeprefix('transship-')}"),
                "topic": topic,
                # The topic in the URL's path, as infra/ has it.
                "push_config": {"push_endpoint": f"{urls[target]}/{topic}"},
                "ack_deadline_seconds": _ACK_DEADLINE,
                "retry_policy": _BACKOFF,
                # A dead letter has nowhere else to go.
                **({} if topic == world.DEAD_LETTER else {"dead_letter_policy": given_up}),
            }
        )
    for topic, matching in (
        (world.OUTCOMES, ""),
        # What people make of dead letters is said there too, and is none.
        (world.DEAD_LETTER, "attributes:CloudPubSubDeadLetterSourceSubscription"),
    ):
        subscriber.create_subscription(
            {
                "name": world.subscription(f"{_short(topic)}-retained"),
                "topic": topic,
                "filter": matching,
            }
        )


def _short(topic: str) -> str:
    return topic.rpartition("/")[2]
