"""What a message changes of a service that exists, what it keeps, and who may call it."""

from typing import Any

import grpc
from google.cloud import run_v2

from local import images, world
from local.run.behaviour import Fault
from tests.fixtures.functions import PARENT, SITE, Cloud, Function
from transship.model.reason import Reason


def test_only_what_a_message_names_is_changed(cloud: Cloud, deployer: Function) -> None:
    deployer.push({"image": SITE, "service": "web", "memory": "1Gi", "env_vars": {"A": "1"}})

    deployer.push({"image": SITE, "service": "web", "concurrency": 7})

    template = cloud.service("web").template
    assert template.max_instance_request_concurrency == 7
    assert template.containers[0].resources.limits["memory"] == "1Gi"
    assert {v.name: v.value for v in template.containers[0].env} == {"A": "1"}
    assert cloud.last()["reason"] == "new_settings"


def test_variables_are_replaced_or_merged(cloud: Cloud, deployer: Function) -> None:
    def after(**message: Any) -> dict[str, str]:
        deployer.push({"image": SITE, "service": "web", **message})
        return {v.name: v.value for v in cloud.service("web").template.containers[0].env}

    assert after(env_vars={"A": "1", "B": "2"}) == {"A": "1", "B": "2"}
    assert after(update_env_vars={"B": "3", "C": "4"}) == {"A": "1", "B": "3", "C": "4"}
    assert after(remove_env_vars=["A"]) == {"B": "3", "C": "4"}
    assert after(update_env_vars={"D": "5"}, remove_env_vars=["B", "D"]) == {"C": "4"}
    assert after(env_vars={}) == {}


def test_a_port_can_be_changed(cloud: Cloud, deployer: Function) -> None:
    deployer.push({"image": SITE, "service": "web"})

    deployer.push({"image": SITE, "service": "web", "port": 8081})

    container = cloud.service("web").template.containers[0]
    assert container.ports[0].container_port == 8081
    assert container.startup_probe.tcp_socket.port == 8081, "where Cloud Run knocks"


def test_a_tag_that_is_not_tracked_any_more_makes_no_revision(
    cloud: Cloud, deployer: Function
) -> None:
    deployer.push({"image": SITE, "service": "web"})

    deployer.push({"image": SITE, "service": "web", "track": False})

    service = cloud.service("web")
    assert "transship.dev/tracks" not in service.annotations
    assert not any(key.startswith("transship-") for key in service.labels)
    assert cloud.last()["reason"] == "new_tracking"
    assert len(cloud.revision_names("web")) == 1


def test_traffic_that_somebody_pinned_is_held_and_reported(
    cloud: Cloud, deployer: Function
) -> None:
    deployer.push({"image": SITE, "service": "web"})
    (revision,) = cloud.revision_names("web")
    service = cloud.service("web")
    pinned = run_v2.TrafficTarget(
        type_=run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION,
        revision=revision,
        percent=100,
    )
    service.traffic = [pinned]
    cloud.change(service)
    cloud.hub.push(SITE, "latest", images.static_site("two"))

    assert deployer.push({"image": SITE, "service": "web"}) == 200

    assert cloud.last()["type"] == "dev.transship.unchanged.v1"
    assert cloud.last()["reason"] == "operator_hold"
    assert cloud.last()["clear"] == Reason.OPERATOR_HOLD.help
    assert cloud.revision_names("web") == [revision]


def test_an_adopted_service_keeps_what_nobody_named(cloud: Cloud, deployer: Function) -> None:
    cloud.mirror.remote(world.REMOTE).manifest(SITE, "latest", head=False)
    container = run_v2.Container(
        image=f"{world.MIRROR}/{SITE}:latest",
        env=[run_v2.EnvVar(name="OF", value="theirs")],
        ports=[run_v2.ContainerPort(container_port=8888)],
    )
    theirs = run_v2.Service(
        labels={"team": "theirs"},
        annotations={"example.com/owner": "them"},
        template=run_v2.RevisionTemplate(
            containers=[container], service_account="theirs@sample-project.iam.gserviceaccount.com"
        ),
    )
    cloud.make_service("web", theirs)

    assert deployer.push({"image": SITE, "service": "web", "adopt": True}) == 200

    service = cloud.service("web")
    assert cloud.last()["type"] == "dev.transship.deployed.v1"
    assert service.labels["team"] == "theirs"
    assert service.annotations["example.com/owner"] == "them"
    assert service.template.containers[0].ports[0].container_port == 8888
    assert service.template.containers[0].env[0].value == "theirs"
    assert service.template.service_account.startswith("theirs@")
    assert service.annotations["transship.dev/tracks"] == f"docker.io/{SITE}:latest"
    # From now on it is one of transship's.
    assert deployer.push({"image": SITE, "service": "web"}) == 200
    assert cloud.last()["type"] == "dev.transship.deployed.v1"


def test_a_service_is_made_public_and_private_again(cloud: Cloud, deployer: Function) -> None:
    def after(public: bool) -> bool:
        deployer.push({"image": SITE, "service": "web", "allow_unauthenticated": public})
        assert cloud.last()["public"] is public
        policy = cloud.services.get_iam_policy({"resource": f"{PARENT}/services/web"})
        return any("allUsers" in binding.members for binding in policy.bindings)

    assert after(public=True)
    assert not after(public=False)
    assert cloud.last()["reason"] == "new_access"
    assert cloud.last()["changed"]
    assert len(cloud.revision_names("web")) == 1


def test_an_organisation_that_forbids_public_services_leaves_the_service(
    cloud: Cloud, deployer: Function
) -> None:
    cloud.run.behaviour.public_allowed = False

    assert deployer.push({"image": SITE, "service": "web", "allow_unauthenticated": True}) == 200

    told = cloud.last()
    assert told["type"] == "dev.transship.deployed.v1"
    assert told["public"] is False
    assert "stays private" in told["detail"]


def test_a_permission_that_is_missing_for_access_alone_leaves_the_service(
    cloud: Cloud, deployer: Function
) -> None:
    cloud.run.inject(Fault(method="SetIamPolicy", code=grpc.StatusCode.PERMISSION_DENIED))

    assert deployer.push({"image": SITE, "service": "web", "allow_unauthenticated": True}) == 200

    told = cloud.last()
    assert (told["type"], told["public"]) == ("dev.transship.deployed.v1", False)
    assert "run.services.setIamPolicy" in told["detail"]


def test_what_somebody_else_set_back_is_set_again(cloud: Cloud, deployer: Function) -> None:
    """The asked-for hash still says so; who wrote last does not."""
    message = {"image": SITE, "service": "web", "concurrency": 7}
    deployer.push(message)
    service = cloud.service("web")
    service.template.revision = ""
    service.template.max_instance_request_concurrency = 80
    cloud.change(service)
    # A change of the tracking alone does not make the template ours.
    deployer.push({"image": SITE, "service": "web", "track": False})

    deployer.push(message)

    assert cloud.service("web").template.max_instance_request_concurrency == 7
