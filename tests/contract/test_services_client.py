"""The clients of the Cloud Run Admin API, against an API that behaves as the live one does."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.cloud import run_v2
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf.duration_pb2 import Duration
from google.type import expr_pb2  # type: ignore[import-untyped]  # Google's protos have no types
from msgspec.structs import replace

from local import world
from local.run.behaviour import Fault
from tests.fixtures.cloud_run import (
    MIRRORED,
    NAME,
    NEW,
    ONE,
    TWO,
    UPSTREAM,
    When,
    World,
    container,
    of,
    wanted,
)
from tests.fixtures.operations import finished
from transship.errors import (
    AccessDenied,
    PublicAccessRefused,
    RateLimited,
    Refused,
    ServiceConflict,
    ServiceUnavailable,
)
from transship.model.focus import caused_by
from transship.model.marks import tracking_marks
from transship.model.naming import tracking_label
from transship.model.service import CLIENT
from transship.model.settings import Settings, pairs

# Create and read


def test_what_is_not_there_is_none(at: World) -> None:
    assert at.services.get(NAME) is None


def test_a_service_that_is_made_reads_as_it_was_wanted(at: World) -> None:
    settings = Settings(
        args=("-v",),
        command=("/bin/serve",),
        concurrency=7,
        cpu=2000,
        env_vars=pairs({"B": "2", "A": "1"}),
        ingress="internal",
        labels=pairs({"team": "a"}),
        max_instances=4,
        memory=1024**3,
        min_instances=1,
        port=8081,
        service_account=world.RUNTIME,
        timeout=120,
    )

    generation = at.services.create(wanted(settings=settings))

    service = at.read()
    assert service.generation == generation
    assert settings.differences(service.settings) == [], "whatever Cloud Run made of them"
    assert service.image == MIRRORED.pin(ONE).untagged()
    assert service.record == wanted(settings=settings).record
    assert service.tracks == UPSTREAM
    assert service.client == CLIENT


def test_what_is_read_and_written_back_unchanged_makes_no_revision(at: World) -> None:
    at.services.create(wanted())
    first = at.read()

    at.services.replace(first, wanted())

    assert at.read().latest_created == first.latest_created


def test_a_second_maker_of_a_service_is_in_conflict(at: World) -> None:
    at.services.create(wanted())

    with pytest.raises(ServiceConflict):
        at.services.create(wanted())


def test_of_ten_makers_at_once_one_makes_it(at: World) -> None:
    def make(_: int) -> bool:
        try:
            at.services.create(wanted())
        except ServiceConflict:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(make, range(10)))

    assert made.count(True) == 1


def test_of_ten_writers_with_one_etag_one_writes(at: World) -> None:
    at.services.create(wanted())
    seen = at.read()

    def write(number: int) -> bool:
        try:
            at.services.replace(seen, wanted(TWO, cause=str(number)))
        except ServiceConflict:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        written = list(pool.map(write, range(10)))

    assert written.count(True) == 1


# What a write keeps


def test_a_new_revision_keeps_what_nobody_named(at: World) -> None:
    secret = run_v2.EnvVar(
        name="PASSWORD",
        value_source=run_v2.EnvVarSource(
            secret_key_ref=run_v2.SecretKeySelector(secret="password", version="1")
        ),
    )
    probe = run_v2.Probe(http_get=run_v2.HTTPGetAction(path="/health", port=8888), period_seconds=7)
    main = container(
        name="main",
        env=[run_v2.EnvVar(name="PLAIN", value="x"), secret],
        ports=[run_v2.ContainerPort(name="h2c", container_port=8888)],
        startup_probe=probe,
        working_dir="/srv",
    )
    sidecar = container(f"{world.MIRROR}/sidecar@{TWO}", name="sidecar")
    theirs = at.make(
        of(
            sidecar,
            main,
            description="theirs",
            labels={"team": "theirs"},
            annotations={"example.com/owner": "them"},
        )
    )
    before = at.said()

    at.services.replace(theirs, wanted(TWO, Settings(concurrency=7)))

    after = at.said()
    template = after.template
    assert template.containers[0] == before.template.containers[0], "the sidecar"
    assert template.containers[1].image == f"{world.MIRROR}/{world.IMAGE}@{TWO}"
    assert template.max_instance_request_concurrency == 7
    # Those two apart, all is as it was.
    template.containers[1].image = before.template.containers[1].image
    template.max_instance_request_concurrency = before.template.max_instance_request_concurrency
    template.annotations = before.template.annotations
    assert template == before.template
    assert after.description == "theirs"
    assert after.labels["team"] == "theirs"
    assert after.annotations["example.com/owner"] == "them"


def test_variables_with_a_secret_survive_those_that_replace_the_plain_ones(at: World) -> None:
    source = run_v2.EnvVarSource(
        secret_key_ref=run_v2.SecretKeySelector(secret="password", version="1")
    )
    variables = [
        run_v2.EnvVar(name="PASSWORD", value_source=source),
        run_v2.EnvVar(name="PLAIN", value="x"),
    ]
    theirs = at.make(of(container(env=variables)))
    assert theirs.settings.env_vars == (("PLAIN", "x"),)

    at.services.replace(theirs, wanted(settings=Settings(env_vars=pairs({"A": "1"}))))

    env = {variable.name: variable for variable in at.said().template.containers[0].env}
    assert set(env) == {"A", "PASSWORD"}
    assert env["PASSWORD"].value_source == source


def test_fields_that_are_newer_than_the_library_are_kept(at: World) -> None:
    # Field 4000 of a container, of wire type varint: no library knows it yet.
    newer = b"\x80\xfa\x01\x2a"
    at.services.create(wanted())
    service = at.said()
    raw = run_v2.Service.pb(service)
    raw.template.containers[0].MergeFromString(newer)
    raw.template.ClearField("revision")
    at.change(service)
    assert newer in run_v2.Service.serialize(at.said())

    at.services.replace(at.read(), wanted(TWO))

    assert newer in run_v2.Service.serialize(at.said())


def test_traffic_and_its_tags_are_kept(at: World) -> None:
    at.services.create(wanted())
    service = at.said()
    kind = run_v2.TrafficTargetAllocationType
    service.traffic = [
        run_v2.TrafficTarget(type_=kind.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST, percent=100),
        run_v2.TrafficTarget(
            type_=kind.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION,
            revision=service.latest_ready_revision.rpartition("/")[2],
            tag="stable",
        ),
    ]
    at.change(service)

    at.services.replace(at.read(), wanted(TWO))

    assert [target.tag for target in at.said().traffic] == ["", "stable"]
    assert not at.read().is_pinned


def test_a_revisions_name_is_not_taken_along(at: World) -> None:
    """Kept, it would be the name of a revision with another configuration."""
    named = of(container())
    named.template.revision = "web-first"
    theirs = at.make(named)

    at.services.replace(theirs, wanted(TWO))

    assert at.read().latest_created != "web-first"


def test_only_what_is_written_is_masked(at: World) -> None:
    at.services.create(wanted())
    at.services.replace(at.read(), wanted(TWO))
    at.services.replace(at.read(), wanted(TWO, Settings(ingress="internal")))
    at.services.annotate(at.read(), tracking_marks(None, at.read().labels))

    written = ("annotations", "client", "labels", "template")
    assert at.masks() == [
        written,
        ("annotations", "client", "ingress", "labels", "template"),
        ("annotations", "labels"),
    ]
    assert at.said().ingress == run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY


def test_a_change_of_the_tracking_makes_no_revision(at: World) -> None:
    at.services.create(wanted())
    before = at.read()
    assert tracking_label(UPSTREAM.name) in before.labels

    at.services.annotate(before, tracking_marks(None, before.labels))

    after = at.read()
    assert (after.tracks, after.latest_created) == (None, before.latest_created)
    assert tracking_label(UPSTREAM.name) not in after.labels
    assert after.record == before.record


# Settings that trap


def test_naming_the_memory_does_not_switch_to_cpu_that_is_always_on(at: World) -> None:
    """cpu_idle is true by default only while resources are unset."""
    at.services.create(wanted(settings=replace(NEW, memory=1024**3)))

    assert at.said().template.containers[0].resources.cpu_idle


def test_cpu_that_is_always_on_stays_so(at: World) -> None:
    limits = {"cpu": "1", "memory": "512Mi"}
    resources = run_v2.ResourceRequirements(limits=limits, cpu_idle=False)
    theirs = at.make(of(container(resources=resources)))

    at.services.replace(theirs, wanted(settings=Settings(memory=1024**3)))

    resources = at.said().template.containers[0].resources
    assert (resources.cpu_idle, dict(resources.limits)) == (
        False,
        {"cpu": "1000m", "memory": "1Gi"},
    )


def test_probes_follow_the_port(at: World) -> None:
    theirs = at.make(of(container(ports=[run_v2.ContainerPort(container_port=8080)])))

    at.services.replace(theirs, wanted(settings=Settings(port=80)))

    serving = at.said().template.containers[0]
    assert (serving.ports[0].container_port, serving.startup_probe.tcp_socket.port) == (80, 80)


def test_a_probe_of_another_port_stays_there(at: World) -> None:
    probe = run_v2.Probe(tcp_socket=run_v2.TCPSocketAction(port=9090))
    port = run_v2.ContainerPort(container_port=8080)
    theirs = at.make(of(container(ports=[port], startup_probe=probe)))

    at.services.replace(theirs, wanted(settings=Settings(port=80)))

    assert at.said().template.containers[0].startup_probe.tcp_socket.port == 9090


def test_labels_stand_on_the_service_and_on_the_revision(at: World) -> None:
    theirs = at.make(of(container(), labels={"team": "theirs"}))
    labels = pairs({"team": "theirs", "cost": "7"})

    at.services.replace(theirs, wanted(settings=Settings(labels=labels)))

    after = at.said()
    assert (after.labels["team"], after.labels["cost"]) == ("theirs", "7")
    assert dict(after.template.labels) == {"cost": "7"}, "only what the request brought"


def test_a_time_limit_keeps_its_unit(at: World) -> None:
    theirs = of(container())
    theirs.template.timeout = Duration(seconds=90)

    assert at.make(theirs).settings.timeout == 90


# Records


def test_the_record_stands_on_the_revision_and_the_tracking_on_the_service(at: World) -> None:
    at.services.create(wanted(cause="77"))

    service = at.read()
    revision = at.services.revision(NAME, service.latest_created)

    assert revision is not None
    assert revision.record == service.record == wanted(cause="77").record
    assert "transship.dev/tracks" in service.annotations
    assert "transship.dev/tracks" not in revision.annotations


def test_a_newer_record_replaces_the_whole_of_an_older_one(at: World) -> None:
    at.services.create(wanted())
    service = at.said()
    service.template.annotations["transship.dev/of-yesterday"] = "x"
    service.template.annotations["example.com/kept"] = "y"
    at.change(service)

    at.services.replace(at.read(), wanted(TWO))

    annotations = at.said().template.annotations
    assert "transship.dev/of-yesterday" not in annotations
    assert annotations["example.com/kept"] == "y"


def test_the_revision_that_an_event_made_is_found_when_others_came_since(at: World) -> None:
    at.services.create(wanted(cause="1"))
    first = at.read().latest_created
    at.services.replace(at.read(), wanted(TWO, cause="2"))

    found = caused_by(at.services.newest_revisions(NAME), "1")

    assert found is not None
    assert (found.name, found.record and found.record.child) == (first, ONE)
    assert caused_by(at.services.newest_revisions(NAME), "3") is None


def test_a_revision_that_somebody_else_made_of_ours_is_not_the_events(at: World) -> None:
    """It takes the template's annotations along."""
    at.services.create(wanted(cause="1"))
    first = at.read().latest_created
    service = at.said()
    service.template.max_instance_request_concurrency = 1
    at.change(service)
    assert at.read().latest_created != first

    found = caused_by(at.services.newest_revisions(NAME), "1")

    assert found is not None
    assert found.name == first


# Refusals


@pytest.mark.parametrize("code", [grpc.StatusCode.ABORTED, grpc.StatusCode.FAILED_PRECONDITION])
def test_a_stale_etag_is_a_conflict_whatever_its_code(at: World, code: grpc.StatusCode) -> None:
    at.run.behaviour.stale_etag = code
    at.services.create(wanted())
    seen = at.read()
    at.meddle()

    with pytest.raises(ServiceConflict):
        at.services.replace(seen, wanted(TWO))

    assert at.read().image == MIRRORED.pin(ONE).untagged()


def test_what_the_api_refuses_is_refused_for_good(at: World) -> None:
    at.services.create(wanted())

    with pytest.raises(Refused, match=r"Total cpu < 1.*rule: run\.googleapis\.com"):
        at.services.replace(at.read(), wanted(TWO, Settings(cpu=500, memory=512 * 1024**2)))


def test_a_service_that_is_gone_is_a_conflict(at: World) -> None:
    at.services.create(wanted())
    seen = at.read()
    finished(at.google.delete_service(name=str(NAME)))

    with pytest.raises(ServiceConflict):
        at.services.replace(seen, wanted(TWO))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_deadline_says_nothing_about_what_was_done(at: World, when: When) -> None:
    at.services.create(wanted())
    seen = at.read()
    at.fails("UpdateService", grpc.StatusCode.DEADLINE_EXCEEDED, when)

    with pytest.raises(ServiceUnavailable):
        at.services.replace(seen, wanted(TWO))

    assert at.read().runs(TWO) is (when == "after")


def test_the_quota_of_writes_is_a_limit(at: World) -> None:
    at.fails("CreateService", grpc.StatusCode.RESOURCE_EXHAUSTED)

    with pytest.raises(RateLimited) as limited:
        at.services.create(wanted())

    assert limited.value.source == "run.googleapis.com"


def test_a_missing_permission_names_the_grants(at: World) -> None:
    at.fails("CreateService", grpc.StatusCode.PERMISSION_DENIED)
    with pytest.raises(AccessDenied, match=r"roles/run\.developer.*roles/iam\.serviceAccountUser"):
        at.services.create(wanted())

    at.fails("GetService", grpc.StatusCode.PERMISSION_DENIED)
    with pytest.raises(AccessDenied, match=r"grant roles/run\.developer"):
        at.services.get(NAME)


# Who may invoke it


def policy(at: World) -> policy_pb2.Policy:
    return at.google.get_iam_policy({"resource": str(NAME)})


def bind(at: World, *bindings: policy_pb2.Binding) -> None:
    made = policy(at)
    made.bindings.extend(bindings)
    at.google.set_iam_policy(iam_policy_pb2.SetIamPolicyRequest(resource=str(NAME), policy=made))


def invokers(*members: str, condition: str = "") -> policy_pb2.Binding:
    binding = policy_pb2.Binding(role="roles/run.invoker", members=members)
    if condition:
        binding.condition.CopyFrom(expr_pb2.Expr(title=condition, expression="true"))
    return binding


def test_what_is_not_there_is_not_public(at: World) -> None:
    assert not at.access.is_public(NAME)


def test_a_service_becomes_public_and_private_again_and_others_keep_their_access(
    at: World,
) -> None:
    at.services.create(wanted())
    others = [
        invokers("user:somebody@example.com"),
        invokers("allUsers", condition="for a while"),
        policy_pb2.Binding(role="roles/run.viewer", members=["allUsers"]),
    ]
    bind(at, *others)
    assert not at.access.is_public(NAME), "a condition is not everybody"

    at.access.set_public(NAME, public=True)
    assert at.access.is_public(NAME)
    assert list(policy(at).bindings)[:3] == others

    at.access.set_public(NAME, public=False)
    assert not at.access.is_public(NAME)
    assert list(policy(at).bindings) == others


def test_everybody_is_taken_out_of_a_binding_with_others(at: World) -> None:
    at.services.create(wanted())
    bind(at, invokers("allUsers", "user:somebody@example.com"))

    at.access.set_public(NAME, public=False)

    assert list(policy(at).bindings) == [invokers("user:somebody@example.com")]


def test_access_that_is_as_asked_is_not_written(at: World) -> None:
    at.services.create(wanted())

    at.access.set_public(NAME, public=False)

    assert at.run.calls("SetIamPolicy") == []


def test_a_policy_that_changed_meanwhile_is_read_again(at: World) -> None:
    at.services.create(wanted())
    somebody = invokers("user:somebody@example.com")
    at.run.inject(Fault(method="SetIamPolicy", action=lambda: bind(at, somebody)))

    at.access.set_public(NAME, public=True)

    assert list(policy(at).bindings) == [somebody, invokers("allUsers")]


def test_an_organisation_may_forbid_public_services(at: World) -> None:
    at.services.create(wanted())
    at.run.behaviour.public_allowed = False

    with pytest.raises(PublicAccessRefused, match=r"stays private.*organization policy"):
        at.access.set_public(NAME, public=True)


def test_a_missing_permission_for_access_names_the_grant(at: World) -> None:
    at.services.create(wanted())
    at.fails("SetIamPolicy", grpc.StatusCode.PERMISSION_DENIED)

    with pytest.raises(AccessDenied, match=r"grant .*run\.services\.setIamPolicy"):
        at.access.set_public(NAME, public=True)
