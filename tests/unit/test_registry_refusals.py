"""What a registry refuses: permanent or asked again, and what is said of it."""

import contextlib
import logging

import pytest

from tests.unit.registry_site import IN_MIRROR, served
from tests.unit.scripted_registry import (
    AT_ONCE,
    CDN,
    HUB,
    STATIC_SITE,
    Asked,
    Reply,
    client_of,
    error,
    scripted,
    soon,
)
from transship.errors import (
    AccessDenied,
    ImageNotFound,
    InvalidManifest,
    InvalidReference,
    PermanentError,
    RegistryUnavailable,
)

REFUSALS = [
    (400, InvalidReference),
    (401, AccessDenied),
    (403, AccessDenied),
    (404, ImageNotFound),
    (405, AccessDenied),
    (406, InvalidManifest),
    (410, ImageNotFound),
    (415, InvalidManifest),
    (418, AccessDenied),
    (451, AccessDenied),
]


@pytest.mark.parametrize(("status", "kind"), REFUSALS)
def test_a_refusal_is_permanent_and_not_asked_again(
    status: int, kind: type[PermanentError]
) -> None:
    with (
        scripted(lambda _: error(status, "SOME_CODE", "some message")) as registry,
        pytest.raises(kind, match=f"answers {status}|nothing that we have"),
    ):
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())
    assert len(registry.asked) == 1


@pytest.mark.parametrize("status", [206, 304, 408, 500, 502, 503, 504, 599])
def test_a_failure_is_asked_again_a_few_times(status: int) -> None:
    with (
        scripted(lambda _: error(status, "UNKNOWN", "unknown")) as registry,
        pytest.raises(RegistryUnavailable, match=f"answers {status}"),
    ):
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())
    assert len(registry.asked) == AT_ONCE.attempts


def test_a_failure_that_passes_is_not_noticed() -> None:
    replies = iter([error(503, "", ""), error(500, "", ""), served()])
    with scripted(lambda _: next(replies)) as registry:
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())


def test_an_outage_is_not_multiplied_by_retries() -> None:
    """All requests to a registry share one budget: without it these would be 160."""
    with scripted(lambda _: error(503, "", "")) as registry:
        client = client_of(registry)
        for _ in range(40):
            with pytest.raises(RegistryUnavailable):
                client.head(STATIC_SITE, deadline=soon())
    assert len(registry.asked) == 40 + 20


@pytest.mark.parametrize("answer", [served(), error(404, "MANIFEST_UNKNOWN", "unknown")])
def test_answers_earn_the_retries_of_later(answer: Reply) -> None:
    """Ten of them one; a refusal is an answer too."""
    reply = [error(503, "", "")]
    with scripted(lambda _: reply[0]) as registry:
        client = client_of(registry)

        def asked_until(kind: type[Exception], times: int) -> int:
            before = len(registry.asked)
            for _ in range(times):
                with contextlib.suppress(kind):
                    client.get_manifest(STATIC_SITE, deadline=soon())
            return len(registry.asked) - before

        assert asked_until(RegistryUnavailable, 20) == 20 + 20
        assert asked_until(RegistryUnavailable, 1) == 1
        reply[0] = answer
        assert asked_until(ImageNotFound, 9) == 9
        reply[0] = error(503, "", "")
        assert asked_until(RegistryUnavailable, 1) == 1
        reply[0] = answer
        assert asked_until(ImageNotFound, 1) == 1
        reply[0] = error(503, "", "")
        assert asked_until(RegistryUnavailable, 1) == 2


def test_a_denial_by_artifact_registry_names_the_grant() -> None:
    message = 'Permission "artifactregistry.repositories.downloadArtifacts" denied on resource'
    with scripted(lambda _: error(403, "DENIED", message)) as registry:
        client = client_of(registry, google_token=lambda: "ya29.x")
        with pytest.raises(AccessDenied, match=r"roles/artifactregistry\.reader") as caught:
            client.head(IN_MIRROR, deadline=soon())
        with pytest.raises(AccessDenied, match=message):
            client.get_manifest(IN_MIRROR, deadline=soon())
    assert "ya29" not in str(caught.value)


def test_an_upstream_that_forbids_the_mirror_is_permanent() -> None:
    text = "Fetch was denied by external repository's robots.txt; url=https://example.com"
    with (
        scripted(lambda _: error(502, "UNKNOWN", text)) as registry,
        pytest.raises(AccessDenied, match="forbids"),
    ):
        client_of(registry, google_token=lambda: "t").get_manifest(IN_MIRROR, deadline=soon())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b'{"errors": []}',
        b'{"errors": [{"code": 7}]}',
        b'{"errors": null}',
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b"x" * 300_000,
        b'{"errors": [{"code": "A\\nB", "message": "line\\nbreak"}]}',
    ],
)
def test_any_body_of_an_error_is_survived_and_shortened(body: bytes) -> None:
    with (
        scripted(lambda _: Reply(status=410, body=body)) as registry,
        pytest.raises(ImageNotFound) as caught,
    ):
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)


def test_a_body_of_an_error_that_is_cut_does_not_hide_the_error() -> None:
    reply = Reply(status=410, body=b'{"errors": [', length=1000, cut_after=12)
    with scripted(lambda _: reply) as registry, pytest.raises(ImageNotFound):
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())


def test_a_signature_gets_into_no_message_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    def respond(asked: Asked) -> Reply:
        if asked.host == HUB:
            return Reply(status=307, headers=[("Location", f"https://{CDN}/x?signature=s3cret")])
        return Reply(status=500, body=b"<html>https://cdn/x?signature=s3cret&y=z failed</html>")

    caplog.set_level(logging.DEBUG)
    with scripted(respond) as registry, pytest.raises(RegistryUnavailable) as caught:
        client_of(registry).get_manifest(STATIC_SITE, deadline=soon())
    assert "https://cdn/x? failed" in str(caught.value)
    assert "s3cret" not in str(caught.value) + caplog.text
