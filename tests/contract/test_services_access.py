"""Who may invoke a service: read and written by our client, and others keep their access."""

import grpc
import pytest
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.type import expr_pb2  # type: ignore[import-untyped]  # Google's protos have no types

from local.run.behaviour import Fault
from tests.fixtures.cloud_run import NAME, World, wanted
from transship.errors import (
    AccessDenied,
    PublicAccessRefused,
)


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
