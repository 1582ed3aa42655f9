"""What a write of our client keeps of a service, and the settings that trap."""

from google.cloud import run_v2
from google.protobuf.duration_pb2 import Duration
from msgspec.structs import replace

from local import world
from tests.fixtures.cloud_run import NEW, TWO, UPSTREAM, World, container, of, wanted
from transship.model.marks import tracking_marks
from transship.model.naming import tracking_label
from transship.model.settings import Settings, pairs


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
