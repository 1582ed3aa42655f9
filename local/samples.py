"""The images that a fresh local Docker Hub has: something to deploy, and something that fails."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from local import images, world
from local.images import AMD64, ARM64, Image
from local.layers import File, Layer, busybox_layer, files_layer, random_layer
from local.run import host_platform

HELLO = "library/hello"
BROKEN = "library/broken"

# About what the article's image weighs, so that there is something to watch while it is pulled.
_LAYERS, _LAYER_SIZE = 8, 6 * 1024 * 1024
_PAGE = """<!doctype html>
<title>transship</title>
<h1>{text}</h1>
<p>Served on port 80, by a container of {repository}.</p>
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    repository: str
    about: str
    image: Image
    tag: str = "latest"

    @property
    def blobs(self) -> dict[str, int]:
        """Config and layers of what this machine pulls of it, with their sizes."""
        return {blob.digest: blob.size for blob in self.image.child(host_platform()).blobs()}


def samples() -> Iterator[Sample]:
    yield static_site("Hello! This was on Docker Hub only.")
    yield site(HELLO, "Hello!")
    yield Sample(
        repository=BROKEN,
        about="exits at start",
        image=_for_both("echo 'no configuration found' >&2; exit 1", [busybox_layer()]),
    )


def static_site(text: str) -> Sample:
    """The article's image. Another *text* is another last layer, as in an image built again."""
    one, other = _site(world.IMAGE, text, _ballast()).children
    return Sample(
        repository=world.IMAGE,
        about="amd64, arm64 and an attestation",
        image=images.index(one, other, images.attestation(one)),
    )


def site(repository: str, text: str, tag: str = "latest") -> Sample:
    """A site that says *text*, on port 80."""
    return Sample(
        repository=repository, about="amd64 and arm64", image=_site(repository, text, []), tag=tag
    )


def _site(repository: str, text: str, below: Sequence[Layer]) -> Image:
    page = _PAGE.format(text=escape(text), repository=escape(repository))
    layers = [
        busybox_layer(),
        *below,
        files_layer({"www/index.html": File(content=page.encode())}),
    ]
    return _for_both("exec httpd -f -p ${PORT:-80} -h /www", layers)


def _for_both(command: str, layers: Sequence[Layer]) -> Image:
    """Whichever platform this machine has, the busybox in it is this machine's, and runs."""
    config = {
        "Cmd": ["/bin/sh", "-c", command],
        "Env": ["PATH=/bin"],
        "ExposedPorts": {"80/tcp": {}},
    }
    return images.index(
        *(images.image(layers, config, platform=platform) for platform in (AMD64, ARM64))
    )


def _ballast() -> list[Layer]:
    return [random_layer(_LAYER_SIZE, seed) for seed in range(_LAYERS)]
