"""References as Docker writes them: what they mean, which are equal, and what is refused."""

import re

import pytest

from transship.errors import InvalidReference
from transship.model.digest import Digest
from transship.model.reference import Reference, parse_reference

HEX = "86e0e091d0da6bde2456dbb48306f3956bbeb2eae1b5b9a43045843f69fe4aaa"
SHA = f"sha256:{HEX}"


def parts(text: str) -> tuple[str, str, str | None, str | None]:
    reference = parse_reference(text)
    digest = str(reference.digest) if reference.digest else None
    return reference.registry, reference.repository, reference.tag, digest


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        # Without a slash everything is a Docker Hub name.
        ("nginx", "docker.io", "library/nginx", "latest", None),
        ("example.com", "docker.io", "library/example.com", "latest", None),
        ("192.168.0.1:80", "docker.io", "library/192.168.0.1", "80", None),
        ("localhost:5000", "docker.io", "library/localhost", "5000", None),
        ("localhost", "docker.io", "library/localhost", "latest", None),
        ("test_com", "docker.io", "library/test_com", "latest", None),
        ("foo_bar.com:8080", "docker.io", "library/foo_bar.com", "8080", None),
        # The first component is a host if it is localhost or has a dot, a colon or a capital.
        ("localhost/debian", "localhost", "debian", "latest", None),
        ("test:5000/repo", "test:5000", "repo", "latest", None),
        ("test.com/repo:tag", "test.com", "repo", "tag", None),
        ("LOCALDOMAIN/debian", "LOCALDOMAIN", "debian", "latest", None),
        ("Foo/bar", "Foo", "bar", "latest", None),
        ("xn--n3h.com:18080/foo", "xn--n3h.com:18080", "foo", "latest", None),
        ("sub-dom1.foo.com/bar/baz/quux", "sub-dom1.foo.com", "bar/baz/quux", "latest", None),
        (
            "b.gcr.io/test.example.com/my-app:x.y",
            "b.gcr.io",
            "test.example.com/my-app",
            "x.y",
            None,
        ),
        ("127.0.0.1:5000/library/debian", "127.0.0.1:5000", "library/debian", "latest", None),
        ("192.168.1.1:5000/repo:5050", "192.168.1.1:5000", "repo", "5050", None),
        ("[2001:db8::1]/repo", "[2001:db8::1]", "repo", "latest", None),
        ("[2001:db8:1:2:3:4:5:6]/repo:tag", "[2001:db8:1:2:3:4:5:6]", "repo", "tag", None),
        ("[::1]:5000/repo", "[::1]:5000", "repo", "latest", None),
        ("[2001:db8::]:5000/a/b@" + SHA, "[2001:db8::]:5000", "a/b", None, SHA),
        # Otherwise it is a namespace.
        ("test_com/foo", "docker.io", "test_com/foo", "latest", None),
        ("foo/foo_bar.com:8080", "docker.io", "foo/foo_bar.com", "8080", None),
        ("docker---rules/dock__er", "docker.io", "docker---rules/dock__er", "latest", None),
        ("d/t", "docker.io", "d/t", "latest", None),
        ("store/foo/bar", "docker.io", "store/foo/bar", "latest", None),
        # Docker Hub has one name, and its repositories a namespace.
        ("docker.io/nginx", "docker.io", "library/nginx", "latest", None),
        ("index.docker.io/nginx", "docker.io", "library/nginx", "latest", None),
        ("registry-1.docker.io/nginx", "docker.io", "library/nginx", "latest", None),
        ("index.docker.io/library/nginx:1", "docker.io", "library/nginx", "1", None),
        ("docker.io/library/foo/bar", "docker.io", "library/foo/bar", "latest", None),
        # latest is the default only if there is neither tag nor digest; both may be there.
        ("nginx@" + SHA, "docker.io", "library/nginx", None, SHA),
        ("nginx:1.27@" + SHA, "docker.io", "library/nginx", "1.27", SHA),
        ("lowercase:Uppercase", "docker.io", "library/lowercase", "Uppercase", None),
        ("nginx:_-.", "docker.io", "library/nginx", "_-.", None),
        # 64 hex digits are an identifier; one less, or with a host or tag, they are a name.
        (HEX[:-1], "docker.io", f"library/{HEX[:-1]}", "latest", None),
        (f"docker.io/{HEX}", "docker.io", f"library/{HEX}", "latest", None),
        (f"{HEX}:tag", "docker.io", f"library/{HEX}", "tag", None),
        # At the limits.
        ("h.io/" + "a" * 255, "h.io", "a" * 255, "latest", None),
        ("nginx:" + "t" * 128, "docker.io", "library/nginx", "t" * 128, None),
        ("a:65535/b", "a:65535", "b", "latest", None),
        ("a." * 126 + "b/c", "a." * 126 + "b", "c", "latest", None),
    ],
)
def test_a_text_has_these_parts(
    text: str, registry: str, repository: str, tag: str | None, digest: str | None
) -> None:
    assert parts(text) == (registry, repository, tag, digest)


@pytest.mark.parametrize(
    "texts",
    [
        (
            "nginx",
            "nginx:latest",
            "library/nginx",
            "docker.io/nginx",
            "index.docker.io/nginx:latest",
        ),
        ("fooo/bar", "docker.io/fooo/bar", "registry-1.docker.io/fooo/bar:latest"),
        ("nginx@" + SHA, "docker.io/library/nginx@" + SHA),
    ],
)
def test_these_are_equal(texts: tuple[str, ...]) -> None:
    assert len({parse_reference(text) for text in texts}) == 1
    assert len({str(parse_reference(text)) for text in texts}) == 1


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("nginx", "nginx:1"),
        ("nginx:1", "nginx:1@" + SHA),
        ("nginx@" + SHA, "nginx:latest@" + SHA),
        ("nginx", "localhost/nginx"),
        ("foo/bar", "Foo/bar"),
        ("docker.io/a/b", "docker.io:443/a/b"),
        ("nginx:v1", "nginx:V1"),
        ("example.com/a", "EXAMPLE.com/a"),
    ],
)
def test_these_are_different(left: str, right: str) -> None:
    assert parse_reference(left) != parse_reference(right)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "the reference is empty"),
        ("nginx\n", "white space, control"),
        ("nginx\x00", "white space, control"),
        (" nginx", "white space, control"),
        ("ngin\u0661", "non-ASCII"),
        ("nginx:\uff11", "non-ASCII"),
        ("\u2603.com/image", "non-ASCII"),
        ("https://github.com/docker/docker", "scheme"),
        ("docker://nginx", "scheme"),
        (HEX, f"NAME@sha256:{HEX}"),
        (SHA, f"NAME@sha256:{HEX}"),
        ("n" * 1025, "1025 characters"),
        (":justtag", "the repository is empty"),
        ("@" + SHA, "the repository is empty"),
        ("docker.io/", "the repository is empty"),
        ("docker/", "the component ''"),
        ("/nginx", "the component ''"),
        ("docker///docker", "the component ''"),
        ("Uppercase:tag", "right is 'library/uppercase'"),
        ("docker/Docker", "right is 'docker/docker'"),
        ("test:5000/Upper/lower:tag", "right is 'upper/lower'"),
        ("-docker/docker", "the component '-docker'"),
        ("docker-/docker", "the component 'docker-'"),
        ("____/____", "the component '____'"),
        ("docker/dock..er", "the component 'dock..er'"),
        ("docker/dock_.er", "the component 'dock_.er'"),
        ("docker/dock-.er", "the component 'dock-.er'"),
        ("dock___er/docker", "the component 'dock___er'"),
        ("aa/asdf$$^/aa", "the component 'asdf$$^'"),
        ("h.io/" + "a" * 256, "256 characters"),
        ("index.docker.io/" + "a" * 248, "256 characters"),
        ("nginx:", "the tag after the colon is empty"),
        ("nginx:@" + SHA, "the tag after the colon is empty"),
        ("nginx:-foo", "the tag '-foo'"),
        ("nginx:.foo", "the tag '.foo'"),
        ("nginx:a:b", "the tag 'a:b'"),
        ("nginx:" + "t" * 129, "129 characters"),
        ("nginx@", "not a digest"),
        ("nginx@sha256:" + "f" * 34, "not a digest"),
        ("nginx@sha256:" + "f" * 65, "not a digest"),
        ("nginx@sha256:" + "F" * 64, "not a digest"),
        ("nginx@sha512:" + "f" * 128, "not a digest"),
        ("nginx@invaliddigest:" + "f" * 64, "not a digest"),
        (f"nginx@{SHA}@{SHA}", "not a digest"),
        ("-docker.io/docker/docker", "the registry '-docker.io'"),
        ("docker.io./nginx", "the registry 'docker.io.'"),
        (".com/nginx", "the registry '.com'"),
        ("a..b/nginx", "the registry 'a..b'"),
        ("a_b.com/nginx", "the registry 'a_b.com'"),
        ("dock-.er/docker", "the registry 'dock-.er'"),
        ("user:secret@host.com/nginx", "not a digest"),
        ("a." * 127 + "b/c", "255 characters"),
        ("host.com:/nginx", "the port"),
        ("host.com:x/nginx", "the port"),
        ("host.com:0/nginx", "the port"),
        ("host.com:080/nginx", "the port"),
        ("host.com:65536/nginx", "the port"),
        ("fc00::1:5000/debian", "the port"),
        ("[fc00::1]", "the component '[fc00'"),
        ("[fc00::1]:5000", "the component '[fc00'"),
        ("[fe80::1%eth0]:5000/debian", "the registry '[fe80::1%eth0]:5000'"),
        ("[2001:db8:3:4::192.0.2.33]:5000/debian", "the registry"),
        ("[1::2::3]/debian", "the registry"),
        ("[::1]x/debian", "the registry '[::1]x'"),
        ("x[::1]/debian", "the registry"),
        ("[:]/debian", "the registry"),
        ("[12345::]/debian", "the registry"),
        ("[1:2:3]/debian", "the registry"),
    ],
)
def test_a_refusal_names_the_part(text: str, part: str) -> None:
    with pytest.raises(InvalidReference) as refusal:
        parse_reference(text)
    assert part in str(refusal.value)


@pytest.mark.parametrize(
    ("registry", "repository", "tag", "part"),
    [
        ("docker.io", "nginx", "1", "right is library/nginx"),
        ("index.docker.io", "library/nginx", "1", "another name of docker.io"),
        ("registry-1.docker.io", "library/nginx", "1", "another name of docker.io"),
        ("foo", "bar", "1", "would be read as a namespace"),
        ("", "bar", "1", "the registry ''"),
        ("host.com\n", "bar", "1", "the registry"),
        ("host.com", "bar\n", "1", "the component"),
        ("host.com", "bar", "1\n", "the tag"),
        ("host.com", "bar", "\u0661", "the tag"),
        ("host.com", "bar", None, "neither a tag nor a digest"),
    ],
)
def test_what_parsing_would_not_give_cannot_be_built(
    registry: str, repository: str, tag: str | None, part: str
) -> None:
    with pytest.raises(InvalidReference, match=re.escape(part)):
        Reference(registry=registry, repository=repository, tag=tag)


def test_the_digest_decides_what_a_registry_is_asked_for() -> None:
    tagged = parse_reference("nginx:1.27")
    pinned = tagged.pin(Digest(SHA))
    assert tagged.identifier == "1.27"
    assert pinned.identifier == SHA
    assert str(pinned) == f"docker.io/library/nginx:1.27@{SHA}"
    assert pinned.unpinned() == tagged
    assert str(pinned.untagged()) == f"docker.io/library/nginx@{SHA}"


def test_a_reference_cannot_lose_both_tag_and_digest() -> None:
    with pytest.raises(InvalidReference, match="neither a tag nor a digest"):
        parse_reference("nginx@" + SHA).unpinned()
    with pytest.raises(InvalidReference, match="neither a tag nor a digest"):
        parse_reference("nginx:1.27").untagged()


def test_a_reference_does_not_change() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        parse_reference("nginx").tag = "1"  # type: ignore[misc]
