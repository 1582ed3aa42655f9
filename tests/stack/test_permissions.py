"""The roles in Terraform are what the functions use: their calls on the local stack say so.

Each function has a relay of its own before Cloud Run, Artifact Registry and Pub/Sub, since the
local stack asks nobody for a permission. One day with everything in it is played, once.
"""

import http.cookiejar
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import run_v2
from google.pubsub_v1 import PublishRequest

from local import images, world
from local.pubsub.emulator import Emulator
from local.run.behaviour import Fault
from local.stack import Stack
from tests.fixtures import misbehaving
from tests.fixtures.events import event
from tests.fixtures.relay import Relay
from tests.fixtures.stage import PATIENCE, Fresh, Stage, eventually
from tools.terraform import roles
from tools.terraform.configuration import Configuration

pytestmark = pytest.mark.stack

INFRA = Path(__file__).parents[2] / "infra"
KEPT_WARM = "dockersamples/kept-warm"
# As infra/ writes it, with regions that are named.
POLICY = {
    "public": ["**"],
    "targets": [{"project": world.PROJECT, "region": world.LOCATION}],
}
# Told at an address that the local Docker Hub answers, with 404.
NOTIFIED = [{"name": "ops", "kind": "slack", "url": "https://auth.docker.io/ops"}]

_RUN = "/google.cloud.run.v2."
_MIRROR = "/google.devtools.artifactregistry.v1.ArtifactRegistry/"
_PUBLISH = "/google.pubsub.v1.Publisher/Publish"
_SUBSCRIBER = "/google.pubsub.v1.Subscriber/"

# https://cloud.google.com/run/docs/reference/iam/permissions
# https://cloud.google.com/run/docs/reference/iam/roles#additional-configuration
# https://cloud.google.com/artifact-registry/docs/access-control#permissions
# https://cloud.google.com/pubsub/docs/access-control#required_permissions
PERMISSIONS: Mapping[str, frozenset[str]] = {
    f"{_RUN}Services/CreateService": frozenset(
        {"run.services.create", "iam.serviceAccounts.actAs"}
    ),
    f"{_RUN}Services/GetIamPolicy": frozenset({"run.services.getIamPolicy"}),
    f"{_RUN}Services/GetService": frozenset({"run.services.get"}),
    f"{_RUN}Services/ListServices": frozenset({"run.services.list"}),
    f"{_RUN}Services/SetIamPolicy": frozenset({"run.services.setIamPolicy"}),
    f"{_RUN}Services/UpdateService": frozenset(
        {"run.services.update", "iam.serviceAccounts.actAs"}
    ),
    f"{_RUN}Revisions/GetRevision": frozenset({"run.revisions.get"}),
    f"{_RUN}Revisions/ListRevisions": frozenset({"run.revisions.list"}),
    "v1.ListServices": frozenset({"run.services.list"}),
    f"{_MIRROR}GetTag": frozenset({"artifactregistry.tags.get"}),
    f"{_MIRROR}ListDockerImages": frozenset({"artifactregistry.dockerimages.list"}),
    f"{_MIRROR}GetVersion": frozenset({"artifactregistry.versions.get"}),
    "GET repository": frozenset({"artifactregistry.repositories.get"}),
    "pull": frozenset({"artifactregistry.repositories.downloadArtifacts"}),
    _PUBLISH: frozenset({"pubsub.topics.publish"}),
    f"{_SUBSCRIBER}Acknowledge": frozenset({"pubsub.subscriptions.consume"}),
    f"{_SUBSCRIBER}GetSubscription": frozenset({"pubsub.subscriptions.get"}),
    f"{_SUBSCRIBER}ModifyAckDeadline": frozenset({"pubsub.subscriptions.consume"}),
    f"{_SUBSCRIBER}Pull": frozenset({"pubsub.subscriptions.consume"}),
    # https://cloud.google.com/logging/docs/access-control#permissions_and_roles
    "read the log": frozenset({"logging.logEntries.list"}),
    # No methods: a request to a service, and a field that opens one to everybody.
    # https://cloud.google.com/run/docs/authenticating/public#required_roles
    "invoke": frozenset({"run.routes.invoke"}),
    "invoker_iam_disabled": frozenset({"run.services.setIamPolicy"}),
}

# Of Google's own roles that are granted, what is asked for here.
# https://cloud.google.com/iam/docs/roles-permissions
PREDEFINED: Mapping[str, frozenset[str]] = {
    "roles/artifactregistry.reader": frozenset(
        {
            "artifactregistry.dockerimages.list",
            "artifactregistry.repositories.downloadArtifacts",
            "artifactregistry.repositories.get",
            "artifactregistry.tags.get",
            "artifactregistry.versions.get",
        }
    ),
    "roles/iam.serviceAccountUser": frozenset({"iam.serviceAccounts.actAs"}),
    "roles/logging.viewer": frozenset({"logging.logEntries.list"}),
    "roles/pubsub.publisher": frozenset({"pubsub.topics.publish"}),
    "roles/pubsub.subscriber": frozenset({"pubsub.subscriptions.consume"}),
    "roles/pubsub.viewer": frozenset({"pubsub.subscriptions.get"}),
    # Cloud Run reads them for the function, when an instance starts.
    "roles/secretmanager.secretAccessor": frozenset(),
}

# Needed on Cloud Run alone: there the page asks whether everybody may invoke itself.
UNSEEN = {"transshipReader": {"run.services.getIamPolicy"}}


# https://cloud.google.com/pubsub/docs/dead-letter-topics#how_dead_letter_topics_work
GIVEN_UP = {
    "CloudPubSubDeadLetterSourceDeliveryCount": "100",
    "CloudPubSubDeadLetterSourceSubscription": "transship-deploy-push",
    "CloudPubSubDeadLetterSourceSubscriptionProject": world.PROJECT,
    "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-11-01T12:00:00.000Z",
}


class RelayedStack(Stack):
    """Each account meets the gRPC services through relays of its own."""

    def __init__(self, root: Path, relays: ExitStack, **settings: str) -> None:
        super().__init__(root, pubsub=Emulator(), settings=settings)
        self.relays: dict[str, list[Relay]] = {}
        self._made = relays

    def endpoints(self, account: str) -> dict[str, str]:
        known = super().endpoints(account)
        if account not in self.relays:
            self.relays[account] = [
                self._made.enter_context(Relay(known[name], account)) for name in _RELAYED
            ]
        relayed = dict(zip(_RELAYED, self.relays[account], strict=True))
        return {**known, **{name: relay.address for name, relay in relayed.items()}}


_RELAYED = ("TRANSSHIP_LOCAL_RUN", "TRANSSHIP_LOCAL_ARTIFACT_REGISTRY", "PUBSUB_EMULATOR_HOST")


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What each account has called, and to which topics it has published."""

    calls: Mapping[str, set[str]]
    topics: Mapping[str, set[str]]


@pytest.fixture(scope="module")
def infra() -> Configuration:
    return Configuration.read(INFRA)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    root = tmp_path_factory.mktemp("permissions")
    with ExitStack() as relays:
        stack = RelayedStack(
            root,
            relays,
            TRANSSHIP_KEEP_WARM=f"docker.io/{KEPT_WARM}:latest",
            TRANSSHIP_NOTIFY=json.dumps(NOTIFIED),
            TRANSSHIP_POLICY=json.dumps(POLICY),
        )
        with stack:
            stage = Stage(stack)
            try:
                proven = play(stage)
            finally:
                stage.close()
            day = written_down(stack)
        for account, call in proven:
            day.calls[account].add(call)
        yield day


def play(stage: Stage) -> Iterator[tuple[str, str]]:
    """What is no call on a relay, and was seen to work all the same."""
    stage.run.behaviour.startup_limit, stage.run.behaviour.stop_grace = 1.5, 0.5
    web = deploys_of_people(stage)
    proven = {("deploy", "invoke")} if trials(stage) else set()
    hints(stage, web)
    sweeps(stage)
    what_nobody_understands(stage)
    if visit(stage, web):
        proven.add(("console", "read the log"))
    return iter(proven)


def deploys_of_people(stage: Stage) -> Fresh:
    web = stage.fresh()
    event_id = stage.publish(web.message(allow_unauthenticated=True, progress=True))
    assert stage.outcome(event_id)["type"] == "deployed"
    # Delivered again, and twice at once: who made which revision has to be looked up.
    stage.push_at_once(web.message(env_vars={"A": "1"}), 2)
    late = stage.settle(web.message(requested_at="2026-01-01T00:00:00Z"))
    assert late["reason"] == "superseded"
    stage.settle({"kind": "hold", "service": web.service, "by": "me", "why": "to see"})
    stage.settle({"kind": "release", "service": web.service, "by": "me"})
    open_ = stage.fresh()
    assert stage.settle(open_.message(invoker_iam_check=False))["type"] == "deployed"
    never_ready = stage.fresh(misbehaving.exits_at_start())
    assert stage.settle(never_ready.message())["type"] == "failed"
    # Docker Hub does not answer: what does the mirror know of the tag?
    stage.hub.refuse_connections()
    try:
        told = stage.settle({"image": web.repository, "service": "web-in-an-outage"})
    finally:
        stage.hub.accept_connections()
    assert (told["type"], told["resolved_by"]) == ("deployed", "mirror")
    return web


def trials(stage: Stage) -> bool:
    """A private service, which the deployer may invoke as infra/ has it."""
    web = stage.fresh()
    probe = {"path": "/", "timeout": 2, "successes": 2, "patience": 1, "watch": 600}
    stage.settle(web.message(probe=probe, strategy="candidate"))
    invoker = {"role": "roles/run.invoker", "members": [f"serviceAccount:{world.DEPLOYER}"]}
    stage.services.set_iam_policy(
        request={"resource": web.full_name, "policy": {"bindings": [invoker]}}
    )
    stage.hub.push(web.repository, "latest", images.static_site("better"))
    told = stage.settle(web.message(probe=probe, strategy="candidate"))
    assert told["type"] == "deployed"
    advancer = world.account("transship-advance")
    stage.stack.scheduler.run("transship-rollouts")
    eventually(lambda: "redeploy" in published(stage, advancer), "the next step is asked for")
    # Neither list of services is allowed for a moment, which is told.
    refuse(stage, advancer, "v1.ListServices", "ListServices")
    stage.stack.scheduler.run("transship-rollouts")
    eventually(lambda: "outcomes" in published(stage, advancer), "the refusal is told")
    first = stage.revisions(web)[-1]
    back = {"kind": "rollback", "service": web.service, "revision": first, "by": "me"}
    assert stage.settle(back)["type"] == "rolled_back"
    stage.settle({"kind": "clear", "service": web.service, "by": "me"})
    return not str(told["detail"]).startswith("decided by readiness alone")


def hints(stage: Stage, web: Fresh) -> None:
    """A tag moves; one of the hints meets a project whose services cannot be listed at once."""
    stage.hub.push(web.repository, "latest", images.static_site("moved"))
    refuse(stage, world.REFRESHER, "v1.ListServices")
    pushed = event("docker_hub_webhook")
    pushed["repository"]["repo_name"] = web.repository
    post(stage, "docker_hub_webhook", pushed, path=f"/{world.WEBHOOK_SECRET}")
    stage.told_of(web, "deployed", number=3)
    post(stage, "forward_hints", event("synthetic_cloudevent_get_manifest"))


def sweeps(stage: Stage) -> None:
    """One tag is kept warm; another, which a service follows, has moved."""
    web = stage.fresh()
    stage.settle(web.message())
    stage.hub.push(KEPT_WARM, "latest", images.static_site("kept"))
    stage.hub.push(web.repository, "latest", images.static_site("moved"))
    stage.stack.scheduler.run("transship-sweep")
    stage.told_of(web, "deployed", number=2)
    stored = stage.mirror.remote(world.REMOTE).store
    eventually(lambda: bool(stored.tags(KEPT_WARM)), "the mirror has what is kept warm")


def what_nobody_understands(stage: Stage) -> None:
    """Every function that hears of it says so, with an outcome."""
    for name in (*stage.stack.routes.values(), "forward_hints"):
        post(stage, name, {"message": {"messageId": f"poison-{name}", "data": "e30="}})
    stage.outcome(stage.publish({}, world.DEAD_LETTER, {"verdict": "no such verdict"}))


def visit(stage: Stage, web: Fresh) -> bool:
    """The page, leaf by leaf; whether it shows a dead letter, which is then replayed."""
    door = stage.stack.front_door.door(world.OPERATOR)
    browser = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    )

    def look(path: str) -> str:
        with browser.open(door + path, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    letter = stage.publish({"kind": "release", "service": web.service}, world.DEAD_LETTER, GIVEN_UP)
    look("/")
    look(f"/services/{world.PROJECT}/{world.LOCATION}/{web.service}")
    look(f"/tags?image={web.repository}")
    look("/mirror")
    # Kept for some seconds, so looked at once it is there.
    eventually(lambda: any(letter in str(said) for said in stage.stack.logging.payloads()), "log")
    is_shown = letter in look("/dead-letters")
    (token, *_) = re.findall(
        r'name="token" value="([^"]+)"', look(f"/deploy?image={web.repository}")
    )
    fields = urllib.parse.urlencode({"token": token}).encode()
    request = urllib.request.Request(
        f"{door}/dead-letters/{letter}/replay", data=fields, headers={"Origin": door}
    )
    with browser.open(request, timeout=PATIENCE):
        pass
    return is_shown


def post(stage: Stage, function: str, document: object, path: str = "") -> None:
    request = urllib.request.Request(
        stage.stack.functions[function].url + path,
        data=json.dumps(document).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE):
        pass


def written_down(stack: RelayedStack) -> Day:
    calls: dict[str, set[str]] = {}
    topics: dict[str, set[str]] = {}
    for email, relays in stack.relays.items():
        account = short(email)
        made = [call for relay in relays for call in relay.calls]
        calls[account] = {method for method, _ in made} | set(kinds_of_change(made))
        topics[account] = topics_of(made)
    for call in stack.run.calls("v1.ListServices"):
        calls[short(call.principal)].add(call.method)
    for seen in stack.mirror.requests:
        if short(seen.identity) in calls:
            is_registry = seen.path.startswith("/v2/")
            calls[short(seen.identity)].add("pull" if is_registry else "GET repository")
    return Day(calls=calls, topics=topics)


def kinds_of_change(made: list[tuple[str, bytes]]) -> Iterator[str]:
    for method, request in made:
        if method == f"{_RUN}Services/UpdateService":
            update = run_v2.UpdateServiceRequest.deserialize(request)
            if "invoker_iam_disabled" in update.update_mask.paths:
                yield "invoker_iam_disabled"
        elif method == f"{_RUN}Services/CreateService":
            create = run_v2.CreateServiceRequest.deserialize(request)
            if create.service.invoker_iam_disabled:
                yield "invoker_iam_disabled"


def refuse(stage: Stage, account: str, *methods: str) -> None:
    """Each once."""
    denied = grpc.StatusCode.PERMISSION_DENIED
    for method in methods:
        stage.run.inject(Fault(method=method, code=denied, principal=account))


def published(stage: Stage, account: str) -> set[str]:
    """The topics."""
    stack = stage.stack
    assert isinstance(stack, RelayedStack)
    return topics_of([call for relay in stack.relays[account] for call in relay.calls])


def topics_of(made: list[tuple[str, bytes]]) -> set[str]:
    return {
        PublishRequest.deserialize(request).topic.rpartition("/")[2].removeprefix("transship-")
        for method, request in made
        if method == _PUBLISH
    }


def short(email: str) -> str:
    return email.partition("@")[0].removeprefix("transship-")


def needed(day: Day, account: str) -> set[str]:
    return {permission for call in day.calls[account] for permission in PERMISSIONS[call]}


def held(infra: Configuration) -> dict[str, set[str]]:
    """Account -> its roles."""
    granted = roles.granted(infra)
    found: dict[str, set[str]] = {}
    for address, accounts in roles.holders(infra).items():
        for account in accounts:
            found.setdefault(account, set()).add(granted[address])
    return found


def functions(infra: Configuration) -> dict[str, dict[str, Any]]:
    declared: dict[str, dict[str, Any]] = infra.local_values()["all_functions"]
    return declared


def test_every_call_has_its_permission(infra: Configuration, day: Day) -> None:
    given = {**PREDEFINED, **roles.permissions(infra)}
    missing = {
        account: needed(day, account) - {each for role in names for each in given[role]}
        for account, names in held(infra).items()
    }

    assert {account: found for account, found in missing.items() if found} == {}


def test_no_role_has_a_permission_that_nobody_needs(infra: Configuration, day: Day) -> None:
    of_role: dict[str, set[str]] = {name: set() for name in roles.permissions(infra)}
    for account, names in held(infra).items():
        for role in names & of_role.keys():
            of_role[role] |= needed(day, account)
    unused = {
        role: all_ - of_role[role] - UNSEEN.get(role, set())
        for role, all_ in roles.permissions(infra).items()
    }

    assert {role: found for role, found in unused.items() if found} == {}


def test_only_to_open_a_service_takes_the_role_that_opens_services(infra: Configuration) -> None:
    """It is granted only where policy lets some service be public; all else works without."""
    assert roles.permissions(infra)["transshipPublisher"] == {"run.services.setIamPolicy"}


def test_nobody_has_a_role_for_nothing(infra: Configuration, day: Day) -> None:
    """Of Google's roles nothing can be taken away, but whoever needs nothing of one."""
    idle = {
        f"{account} {role}"
        for account, names in held(infra).items()
        for role in names
        if PREDEFINED.get(role) and not PREDEFINED[role] & needed(day, account)
    }

    assert idle == set()


def test_each_publishes_where_it_may_and_nowhere_else(infra: Configuration, day: Day) -> None:
    may = {
        function["account"]: set(function["publishes"]) for function in functions(infra).values()
    }
    done = {account: day.topics[account] for account in may}
    # A replay goes to the topic that a dead letter was on, whichever it was.
    replays = {topic for each in functions(infra).values() for topic in each["subscribes"]}
    assert done["console"] <= may["console"]
    done["console"] |= replays & may["console"]

    assert done == may
