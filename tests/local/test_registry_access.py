"""The mirror's front: who may read, where blobs come from, and what is logged and published."""

from dataclasses import replace

import pytest

from local import images
from local.images import AMD64
from local.registry import BlobRedirect, Logged
from tests.fixtures.cloud import HOST, READER, SITE, Cloud, cloud
from tests.fixtures.wire import Wire

__all__ = ["cloud"]

ONE = images.static_site("one")
BLOB = next(ONE.child(AMD64).blobs())
MANIFEST = f"https://{HOST}/v2/sample-project/docker/{SITE}/manifests/latest"
STRANGER = "stranger@example.com"
RESOURCE = "projects/sample-project/locations/asia-northeast1/repositories/docker"


@pytest.fixture
def anonymous(cloud: Cloud) -> Wire:
    return replace(cloud.wire, bearer="")


# Who may read


def test_no_credential_is_a_challenge_for_the_image(anonymous: Wire) -> None:
    answer = anonymous.send("GET", MANIFEST)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer realm="https://{HOST}/v2/token",service="{HOST}",'
        f'scope="repository:sample-project/docker/{SITE}:pull"'
    )


def test_the_version_check_is_challenged_without_a_scope(anonymous: Wire) -> None:
    answer = anonymous.send("GET", f"https://{HOST}/v2/")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == f'Bearer realm="https://{HOST}/v2/token"'


def test_a_repository_without_an_image_is_challenged_for_a_made_up_one(anonymous: Wire) -> None:
    answer = anonymous.send("GET", f"https://{HOST}/v2/sample-project/docker/manifests/latest")
    assert 'scope="repository:sample-project/docker/pkg:pull"' in answer.headers["WWW-Authenticate"]


def test_one_component_is_no_name(cloud: Cloud) -> None:
    answer = cloud.wire.ask("GET", "/v2/sample-project/manifests/latest")
    assert answer.status == 400
    assert answer.error() == {
        "code": "NAME_INVALID",
        "message": "invalid number of path components: 1",
    }


def test_an_access_token_is_a_bearer_token_or_a_password(cloud: Cloud, anonymous: Wire) -> None:
    assert cloud.wire.manifest(SITE, "latest").status == 200
    basic = replace(anonymous, login=("oauth2accesstoken", f"ya29.local.{READER}"))
    assert basic.manifest(SITE, "latest").status == 200


@pytest.mark.parametrize(
    "credential",
    ["Bearer ya29.made-up", "Bearer ", "Basic YWxpY2U6czNjcmV0", "Basic !", "Negotiate x"],
)
def test_a_credential_that_is_not_accepted_is_not_challenged_again(
    anonymous: Wire, credential: str
) -> None:
    answer = anonymous.send("GET", MANIFEST, {"Authorization": credential})
    assert answer.status == 401
    assert answer.error()["code"] == "UNAUTHORIZED"
    assert "WWW-Authenticate" not in answer.headers


def test_a_registry_token_lives_for_twelve_hours(cloud: Cloud, anonymous: Wire) -> None:
    login = replace(anonymous, login=("oauth2accesstoken", f"ya29.local.{READER}"))
    token = login.token(f'realm="https://{HOST}/v2/token"')
    used = replace(anonymous, bearer=token)
    cloud.clock.advance(43_190)
    assert used.manifest(SITE, "latest").status == 200
    cloud.clock.advance(20)
    assert used.manifest(SITE, "latest").status == 401


def test_permission_is_looked_up_for_each_request(cloud: Cloud, anonymous: Wire) -> None:
    login = replace(anonymous, login=("oauth2accesstoken", f"ya29.local.{READER}"))
    used = replace(anonymous, bearer=login.token(f'realm="https://{HOST}/v2/token"'))
    assert used.manifest(SITE, "latest").status == 200
    cloud.mirror.readers.clear()
    assert used.manifest(SITE, "latest").status == 403


def test_no_permission_and_no_repository_are_told_alike(cloud: Cloud) -> None:
    denied = cloud.wire_as(STRANGER).manifest(SITE, "latest")
    missing = cloud.wire.ask("GET", f"/v2/sample-project/no-such/{SITE}/manifests/latest")
    elsewhere = cloud.wire.ask("GET", f"/v2/other-project/docker/{SITE}/manifests/latest")
    assert denied.status == missing.status == elsewhere.status == 403
    assert denied.error() == {
        "code": "DENIED",
        "message": (
            'Permission "artifactregistry.repositories.downloadArtifacts" denied on resource '
            f'"{RESOURCE}" (or it may not exist)'
        ),
    }
    assert missing.error()["message"] == denied.error()["message"].replace("docker", "no-such")


def test_an_anonymous_token_is_denied(anonymous: Wire) -> None:
    answer = anonymous.manifest(SITE, "latest")
    assert answer.status == 403
    assert answer.error()["message"].startswith("Unauthenticated request. ")


# Where blobs come from


def test_a_blob_comes_from_the_registry_itself(cloud: Cloud) -> None:
    answer = cloud.wire.blob(SITE, BLOB.digest)
    assert (answer.digest, answer.redirects) == (BLOB.digest, ())


@pytest.mark.parametrize(
    ("redirect", "host"),
    [(BlobRedirect.SAME_HOST, HOST), (BlobRedirect.OTHER_HOST, "storage.googleapis.com")],
)
def test_a_blob_may_come_from_another_address(
    cloud: Cloud, redirect: BlobRedirect, host: str
) -> None:
    cloud.mirror.blob_redirect = redirect
    answer = cloud.wire.blob(SITE, BLOB.digest)
    assert (answer.digest, answer.redirects) == (BLOB.digest, (host,))
    part = cloud.wire.blob(SITE, BLOB.digest, span="bytes=1-3")
    assert (part.status, part.body) == (206, BLOB.read()[1:4])


@pytest.mark.parametrize(
    ("redirect", "status"), [(BlobRedirect.SAME_HOST, 200), (BlobRedirect.OTHER_HOST, 400)]
)
def test_only_the_other_host_refuses_a_second_credential(
    cloud: Cloud, redirect: BlobRedirect, status: int
) -> None:
    cloud.mirror.blob_redirect = redirect
    url = f"https://{HOST}/v2/sample-project/docker/{SITE}/blobs/{BLOB.digest}"
    credential = {"Authorization": f"Bearer ya29.local.{READER}"}
    location = cloud.wire.send("GET", url, credential).headers["Location"]
    assert cloud.wire.send("GET", location).status == 200
    assert cloud.wire.send("GET", location, credential).status == status


# What is logged and published


def test_a_read_is_logged_with_who_and_what(cloud: Cloud) -> None:
    cloud.wire.manifest(SITE, "latest")
    [entry] = cloud.entries
    payload = entry["protoPayload"]
    assert payload["methodName"] == "Docker-GetManifest"
    assert payload["authenticationInfo"]["principalEmail"] == READER
    assert payload["resourceName"] == f"{RESOURCE}/dockerImages/dockersamples%2Fstatic-site"
    assert payload["request"]["requestUrl"] == (
        f"/v2/sample-project/docker/{SITE}/manifests/latest"
    )
    assert payload["status"] == {}
    assert entry["severity"] == "INFO"
    assert entry["logName"] == (
        "projects/sample-project/logs/cloudaudit.googleapis.com%2Fdata_access"
    )


@pytest.mark.parametrize(
    ("logged", "methods", "ending"),
    [
        (Logged.WITH_DIGEST, ["Docker-HeadManifest", "Docker-GetManifest"], f"@{ONE.digest}"),
        (Logged.WITHOUT_DIGEST, ["Docker-HeadManifest", "Docker-GetManifest"], "%2Fstatic-site"),
        (Logged.HEAD_ONLY, ["Docker-HeadManifest"], "%2Fstatic-site"),
        (Logged.NOTHING, [], ""),
    ],
)
def test_each_way_to_log_a_read(
    cloud: Cloud, logged: Logged, methods: list[str], ending: str
) -> None:
    cloud.mirror.logged = logged
    cloud.wire.manifest(SITE, "latest", method="HEAD")
    cloud.wire.manifest(SITE, "latest")
    payloads = [entry["protoPayload"] for entry in cloud.entries]
    assert [payload["methodName"] for payload in payloads] == methods
    assert all(payload["resourceName"].endswith(ending) for payload in payloads)


def test_a_read_that_finds_nothing_is_logged_as_an_error(cloud: Cloud) -> None:
    cloud.mirror.logged = Logged.WITH_DIGEST
    cloud.wire.manifest(SITE, "no-such-tag", method="HEAD")
    [entry] = cloud.entries
    assert entry["severity"] == "ERROR"
    assert entry["protoPayload"]["status"] == {
        "code": 5,
        "message": 'generic::not_found: Failed to fetch "no-such-tag"',
    }
    assert "@" not in entry["protoPayload"]["resourceName"]


def test_a_denied_read_is_logged_as_not_granted(cloud: Cloud) -> None:
    cloud.wire_as(STRANGER).manifest(SITE, "latest")
    [entry] = cloud.entries
    assert entry["protoPayload"]["status"]["code"] == 7
    assert entry["protoPayload"]["authorizationInfo"][0]["granted"] is False
    assert entry["protoPayload"]["authenticationInfo"]["principalEmail"] == STRANGER


def test_entries_have_ids_of_their_own(cloud: Cloud) -> None:
    cloud.wire.manifest(SITE, "latest")
    cloud.wire.manifest(SITE, "latest")
    assert len({entry["insertId"] for entry in cloud.entries}) == 2


def test_a_fill_publishes_nothing_unless_told_to(cloud: Cloud) -> None:
    cloud.wire.manifest(SITE, "latest")
    assert cloud.messages == []


def test_a_fill_may_publish_what_was_stored(cloud: Cloud) -> None:
    cloud.mirror.publishes_to_gcr = True
    cloud.wire.manifest(SITE, "latest")
    cloud.wire.manifest(SITE, "latest")
    name = f"{HOST}/sample-project/docker/{SITE}"
    assert cloud.messages == [
        {"action": "INSERT", "digest": f"{name}@{ONE.digest}", "tag": f"{name}:latest"}
    ]


def test_a_tag_that_moves_to_a_stored_digest_is_published(cloud: Cloud) -> None:
    two = images.static_site("two")
    cloud.wire.manifest(SITE, "latest")
    cloud.hub.push(SITE, "latest", two)
    cloud.wire.manifest(SITE, two.digest)
    cloud.mirror.publishes_to_gcr = True
    cloud.clock.advance(3601)
    cloud.wire.manifest(SITE, "latest")
    [message] = cloud.messages
    assert message["digest"].endswith(two.digest)
    assert message["tag"].endswith(":latest")
