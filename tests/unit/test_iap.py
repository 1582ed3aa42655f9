"""Whom the page believes: what IAP has signed, or what Cloud Run has checked."""

import base64
import json
import time
from collections.abc import Iterator

import pytest

from local.front_door import KEYS_HOST, FrontDoor
from transship.clients.egress import Guard
from transship.clients.iap import HOST, CheckedByPlatform, PublicKeys, SignedByIap
from transship.clients.transport import Transport
from transship.errors import AccessDenied, ServiceUnavailable

AUDIENCE = "/projects/123456789012/locations/asia-northeast1/services/transship-console"
ADA = "ada@example.com"
HEADER = "x-goog-iap-jwt-assertion"


@pytest.fixture
def iap() -> Iterator[FrontDoor]:
    door = FrontDoor(lambda: "http://127.0.0.1:9", audience=AUDIENCE)
    door.start()
    yield door
    door.stop()


def keys_of(door: FrontDoor) -> PublicKeys:
    assert HOST == KEYS_HOST
    return PublicKeys(Transport(Guard(hosts=frozenset({HOST}), host_map={HOST: door.keys_url})))


def test_what_iap_signed_is_believed(iap: FrontDoor) -> None:
    identify = SignedByIap(keys_of(iap), AUDIENCE)

    assert identify({HEADER: iap.assertion(ADA)}) == ADA


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "/projects/1/global/backendServices/2"},
        {"iss": "https://accounts.google.com"},
        {"exp": int(time.time()) - 60},
        {"iat": int(time.time()) + 600},
        {"email": ""},
        {"email": None},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_an_assertion_that_is_not_for_us_is_refused(
    iap: FrontDoor, claims: dict[str, object]
) -> None:
    identify = SignedByIap(keys_of(iap), AUDIENCE)

    with pytest.raises(AccessDenied):
        identify({HEADER: iap.assertion(ADA, **claims)})


def test_what_another_key_signed_is_refused(iap: FrontDoor) -> None:
    other = FrontDoor(lambda: "", audience=AUDIENCE)
    identify = SignedByIap(keys_of(iap), AUDIENCE)
    forged = other.assertion(ADA)
    # Under the name of a key that IAP does have.
    [kid] = iap.keys()
    head = _encoded({"alg": "ES256", "typ": "JWT", "kid": kid})

    for assertion in (forged, ".".join((head, *forged.split(".")[1:]))):
        with pytest.raises(AccessDenied):
            identify({HEADER: assertion})


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256"])
def test_the_token_does_not_choose_its_algorithm(iap: FrontDoor, algorithm: str) -> None:
    [kid] = iap.keys()
    claims, signature = iap.assertion(ADA).split(".")[1:]
    head = _encoded({"alg": algorithm, "typ": "JWT", "kid": kid})

    with pytest.raises(AccessDenied, match="right is ES256"):
        SignedByIap(keys_of(iap), AUDIENCE)({HEADER: f"{head}.{claims}.{signature}"})


@pytest.mark.parametrize("assertion", ["", "x", "a.b.c", "é", "." * 10, "x" * 20_000])
def test_what_is_no_assertion_is_refused(iap: FrontDoor, assertion: str) -> None:
    with pytest.raises(AccessDenied):
        SignedByIap(keys_of(iap), AUDIENCE)({HEADER: assertion})


def test_keys_are_kept_and_an_unknown_one_is_asked_for_twice_a_minute_at_most(
    iap: FrontDoor,
) -> None:
    now = [0.0]
    transport = Transport(Guard(hosts=frozenset({HOST}), host_map={HOST: iap.keys_url}))
    keys = PublicKeys(transport, clock=lambda: now[0])
    [kid] = iap.keys()
    assert keys.key(kid)
    iap.stop()

    # Nobody answers any more, and nobody is asked.
    now[0] = 29.0
    assert keys.key("unknown") is None
    now[0] = 3_599.0
    assert keys.key(kid)
    # Even when they ought to be renewed, what is known is better than nothing.
    now[0] = 3_601.0
    assert keys.key(kid)


def test_without_any_key_nobody_comes_in(iap: FrontDoor) -> None:
    keys = keys_of(iap)
    iap.stop()

    with pytest.raises(ServiceUnavailable):
        SignedByIap(keys, AUDIENCE)({HEADER: iap.assertion(ADA)})


def test_what_cloud_run_checked_is_believed(iap: FrontDoor) -> None:
    identify = CheckedByPlatform(lambda: False)

    assert identify({"authorization": f"Bearer {iap.identity_token(ADA)}"}) == ADA


def test_nobody_is_believed_where_everybody_may_invoke(iap: FrontDoor) -> None:
    identify = CheckedByPlatform(lambda: True)

    with pytest.raises(AccessDenied, match="allUsers"):
        identify({"authorization": f"Bearer {iap.identity_token(ADA)}"})


def test_a_page_that_becomes_public_is_noticed_within_a_minute(iap: FrontDoor) -> None:
    now, answers = [0.0], iter([False, True])
    identify = CheckedByPlatform(lambda: next(answers), clock=lambda: now[0])
    headers = {"authorization": f"Bearer {iap.identity_token(ADA)}"}

    identify(headers)
    now[0] = 59.0
    identify(headers)
    now[0] = 60.0
    with pytest.raises(AccessDenied):
        identify(headers)


@pytest.mark.parametrize(
    "claims",
    [{"iss": "https://evil.example"}, {"email_verified": False}, {"email_verified": "true"}],
    ids=str,
)
def test_claims_that_are_not_googles_are_refused(iap: FrontDoor, claims: dict[str, object]) -> None:
    with pytest.raises(AccessDenied):
        CheckedByPlatform(lambda: False)(
            {"authorization": f"Bearer {iap.identity_token(ADA, **claims)}"}
        )


@pytest.mark.parametrize("token", ["", "Basic eA==", "Bearer ", "Bearer a.b", "Bearer a.%.c"])
def test_what_is_no_identity_token_is_refused(token: str) -> None:
    with pytest.raises(AccessDenied):
        CheckedByPlatform(lambda: False)({"authorization": token})


def _encoded(document: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()
