"""How the local Cloud Run imports images: from where, as whom, and what it refuses."""

import io
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from google.api_core import exceptions

from local.clock import Clock
from local.images import AMD64, ARM64, index, site, static_site
from local.registry import DockerHub
from local.run import Behaviour, CloudRun
from local.run.layers import BadLayer, unpack
from tests.fixtures import skopeo
from tests.local.run_region import Region, region_of
from tests.local.run_shelf import MIRROR, REPOSITORY, Shelf

AGENT = "service-123456789012@serverless-robot-prod.iam.gserviceaccount.com"


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as shelf:
        yield shelf


@pytest.fixture
def cloud_run(shelf: Shelf, tmp_path: Path) -> Iterator[CloudRun]:
    """Resolves images and runs nothing; its platform is not this machine's."""
    with CloudRun(
        root=tmp_path,
        host_map={**shelf.host_map, "registry-1.docker.io": shelf.url},
        project_numbers={"sample-project": 123456789012},
        platform=ARM64,
        containers=False,
    ) as cloud_run:
        yield cloud_run


@pytest.fixture
def region(cloud_run: CloudRun) -> Iterator[Region]:
    with region_of(cloud_run, "") as region:
        yield region


def test_an_image_is_pulled_as_the_service_agent_under_its_own_host(
    region: Region, shelf: Shelf
) -> None:
    region.image = shelf.put(static_site("agent"))
    region.create()
    assert {request["Host"] for request in shelf.requests} == {MIRROR}
    assert {request["Authorization"] for request in shelf.requests} == {
        f"Bearer ya29.local.{AGENT}"
    }


def test_an_account_is_shown_to_googles_registries_only(region: Region, shelf: Shelf) -> None:
    shelf.put(static_site("public"))
    region.image = "docker.io/dockersamples/static-site:latest"
    region.create()
    assert {request["Host"] for request in shelf.requests} == {"registry-1.docker.io"}
    assert not any("Authorization" in request for request in shelf.requests)


def test_a_revision_shows_the_platforms_child_of_an_index(region: Region, shelf: Shelf) -> None:
    mine = site("child", platform=ARM64)
    region.image = shelf.put(index(site("other", platform=AMD64), mine))
    service = region.create()
    revision = region.revisions.get_revision(name=service.latest_ready_revision)
    assert revision.containers[0].image == f"{REPOSITORY}@{mine.root.digest}"
    assert service.template.containers[0].image == region.image


def test_a_revision_can_be_made_to_show_the_index(
    region: Region, shelf: Shelf, cloud_run: CloudRun
) -> None:
    cloud_run.behaviour.shows_child_digest = False
    region.image = shelf.put(static_site("index"))
    service = region.create()
    revision = region.revisions.get_revision(name=service.latest_ready_revision)
    assert revision.containers[0].image == region.image


def test_a_tag_becomes_a_digest_when_it_is_deployed(region: Region, shelf: Shelf) -> None:
    image = site("tagged", platform=ARM64)
    shelf.put(image, "v1")
    region.image = f"{REPOSITORY}:v1"
    service = region.create()
    shelf.put(site("moved", platform=ARM64), "v1")
    revision = region.revisions.get_revision(name=service.latest_ready_revision)
    assert revision.containers[0].image == f"{REPOSITORY}@{image.root.digest}"


def test_an_index_without_the_platform_is_refused(region: Region, shelf: Shelf) -> None:
    region.image = shelf.put(index(site("only", platform=AMD64)))
    with pytest.raises(exceptions.FailedPrecondition, match="must support arm64/linux"):
        region.create()


@pytest.mark.parametrize(
    ("status", "error", "text"),
    [
        (404, exceptions.NotFound, "not found"),
        (403, exceptions.PermissionDenied, AGENT),
        (401, exceptions.PermissionDenied, AGENT),
        (429, exceptions.InternalServerError, "429"),
    ],
)
def test_what_the_registry_answers_is_told(
    region: Region,
    shelf: Shelf,
    status: int,
    error: type[exceptions.GoogleAPICallError],
    text: str,
) -> None:
    region.image = shelf.put(static_site("refused"))
    shelf.refuse = status
    with pytest.raises(error, match=text):
        region.create()


def test_a_registry_that_fails_for_a_moment_is_asked_again(region: Region, shelf: Shelf) -> None:
    region.image = shelf.put(static_site("again"))
    shelf.refuse, shelf.times = 503, 2
    assert region.create().latest_ready_revision


def test_a_public_image_is_pulled_with_an_anonymous_token_and_through_redirects(
    tmp_path: Path,
) -> None:
    skopeo.need_skopeo()
    with DockerHub(tmp_path / "hub", Clock()) as hub:
        hub.accounts["alice"] = "s3cret"
        skopeo.push_image(
            hub.address, "alice/site", "v1", static_site("public"), ("alice", "s3cret")
        )
        with (
            CloudRun(
                root=tmp_path / "run",
                host_map=hub.hosts,
                project_numbers={"sample-project": 1},
                containers=False,
            ) as cloud_run,
            region_of(cloud_run, "docker.io/alice/site:v1") as region,
        ):
            revision = region.revisions.get_revision(name=region.create().latest_ready_revision)
    assert revision.containers[0].image.startswith("docker.io/alice/site@sha256:")


def test_content_that_is_not_what_its_digest_says_is_refused(region: Region, shelf: Shelf) -> None:
    image = site("corrupt", platform=ARM64)
    region.image = shelf.put(image)
    media_type, content = shelf.manifests[image.root.digest]
    shelf.manifests[image.root.digest] = (media_type, content + b" ")
    with pytest.raises(exceptions.InternalServerError, match="arrived as"):
        region.create()


def test_a_corrupt_layer_is_not_run(shelf: Shelf, tmp_path: Path) -> None:
    image = site("corrupt layer")
    shelf_image = shelf.put(image)
    largest = max(shelf.blobs, key=lambda digest: len(shelf.blobs[digest]))
    shelf.blobs[largest] = shelf.blobs[largest][:-1] + b"!"
    with (
        CloudRun(
            root=tmp_path,
            host_map=shelf.host_map,
            project_numbers={"sample-project": 1},
            platform=AMD64,
        ) as cloud_run,
        region_of(cloud_run, shelf_image) as region,
        pytest.raises(exceptions.InternalServerError, match="arrived as"),
    ):
        region.create()
    assert not [path for path in (tmp_path / "rootfs").iterdir() if path.is_dir()]


def test_a_production_host_without_a_local_address_is_never_asked(region: Region) -> None:
    region.image = f"ghcr.io/someone/something@sha256:{'0' * 64}"
    with pytest.raises(exceptions.InternalServerError, match=r"no local address for ghcr\.io"):
        region.create()


def test_an_image_can_be_declared_unhealthy_where_nothing_is_run(
    region: Region, shelf: Shelf, cloud_run: CloudRun
) -> None:
    region.image = shelf.put(site("unhealthy", platform=ARM64))
    cloud_run.behaviour.unhealthy_images.add(region.image)
    with pytest.raises(exceptions.FailedPrecondition, match="failed to start and listen"):
        region.create()


def test_images_need_not_be_looked_up_at_all(tmp_path: Path) -> None:
    with (
        CloudRun(
            root=tmp_path,
            project_numbers={"sample-project": 1},
            containers=False,
            images=False,
            behaviour=Behaviour(),
        ) as cloud_run,
        region_of(cloud_run, "docker.io/library/nginx:1.27") as region,
    ):
        service = region.create()
        assert service.uri.endswith("-1.asia-northeast1.run.app")


def layer(*entries: tuple[str, str | bytes | None]) -> io.BytesIO:
    """A tar of *entries*: bytes are a file, text is a symbolic link, None is a folder."""
    blob = io.BytesIO()
    with tarfile.open(fileobj=blob, mode="w:gz") as archive:
        for name, content in entries:
            member = tarfile.TarInfo(name)
            member.mode = 0o755
            if content is None:
                member.type = tarfile.DIRTYPE
                archive.addfile(member)
            elif isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    blob.seek(0)
    return blob


def tree(root: Path) -> Mapping[str, str]:
    return {
        str(path.relative_to(root)): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def test_layers_hide_and_replace_what_lies_below(tmp_path: Path) -> None:
    unpack(layer(("etc/a", b"1"), ("etc/b", b"1"), ("var/x/y", b"1"), ("opt/z", b"1")), tmp_path)
    unpack(
        layer(
            ("etc/.wh.a", b""),
            ("etc/b", b"2"),
            ("var/x/new", b"2"),
            ("var/x/.wh..wh..opq", b""),
            (".wh.opt", b""),
        ),
        tmp_path,
    )
    assert tree(tmp_path) == {"etc/b": "2", "var/x/new": "2"}


def test_a_file_may_become_a_folder_and_the_other_way_round(tmp_path: Path) -> None:
    unpack(layer(("a", b"1"), ("b/c", b"1")), tmp_path)
    unpack(layer(("a", None), ("a/d", b"2"), ("b", b"2")), tmp_path)
    assert tree(tmp_path) == {"a/d": "2", "b": "2"}


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/outside"])
def test_a_name_that_leads_out_of_the_image_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadLayer, match="outside"):
        unpack(layer((name, b"1")), tmp_path / "rootfs")


@pytest.mark.parametrize("target", ["{outside}", "../../../../../../..{outside}"])
def test_a_link_leads_out_of_the_image_for_nobody(tmp_path: Path, target: str) -> None:
    outside, rootfs = tmp_path / "outside", tmp_path / "rootfs"
    outside.mkdir()
    rootfs.mkdir()
    unpack(
        layer(("link", target.format(outside=outside)), ("link/file", b"1"), ("link/.wh.x", b"")),
        rootfs,
    )
    assert list(outside.iterdir()) == []
    assert tree(rootfs) == {f"{outside.relative_to('/')}/file": "1"}


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadLayer, match="too many"):
        unpack(layer(("a", "b"), ("b", "a"), ("a/x", b"1")), tmp_path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadLayer, match="not a tar"):
        unpack(io.BytesIO(b"\x28\xb5\x2f\xfd" + b"zstd" * 200), tmp_path)
