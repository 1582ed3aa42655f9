"""Sample images, built on the spot and composed: the same arguments give the same digests.

A builder makes the image of one platform; ``index`` puts several together, and an index can be put
into an index. Whatever happens to a tag on Docker Hub is an expression of these: the other
platform changed is ``index(site, other)``, an attestation added is
``index(site, attestation(site))``, a nested index is ``index(index(site))``, Docker's list of the
same children is ``index(site, form=DOCKER)``.
"""

from collections.abc import Mapping

from local.layers import File, busybox_layer, files_layer, random_layer
from local.manifests import (
    AMD64,
    ARM64,
    DOCKER,
    OCI,
    Form,
    Image,
    Manifest,
    attestation,
    image,
    index,
    write_layout,
)

__all__ = [
    "AMD64",
    "ARM64",
    "DOCKER",
    "OCI",
    "Form",
    "Image",
    "Manifest",
    "answers_500",
    "attestation",
    "ballast",
    "exits_at_start",
    "image",
    "index",
    "listens_late",
    "never_listens",
    "site",
    "static_site",
    "write_layout",
]

PORT = 80


def site(text: str, *, platform: str = AMD64, form: Form = OCI, port: int = PORT) -> Image:
    """One platform's static site; ``/cgi-bin/env`` shows the container's environment.

    Every platform is given this machine's busybox: whichever entry is chosen here can run, and the
    configurations differ, hence so do the digests.
    """
    page = File(content=f"<!doctype html>\n<h1>{text}</h1>\n".encode())
    environment = File(
        content=b"#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'; env; id\n",
        mode=0o755,
    )
    return _container(
        f"exec httpd -f -p ${{PORT:-{port}}} -h /www",
        {"www/index.html": page, "www/cgi-bin/env": environment},
        platform=platform,
        form=form,
        port=port,
    )


def static_site(text: str, *, form: Form = OCI, port: int = PORT) -> Image:
    """Both platforms, listening on port 80 as dockersamples/static-site does."""
    return index(
        site(text, platform=AMD64, form=form, port=port),
        site(text, platform=ARM64, form=form, port=port),
        form=form,
    )


def exits_at_start(code: int = 1, *, platform: str = AMD64) -> Image:
    return _container(f"echo cannot start >&2; exit {code}", {}, platform=platform)


def never_listens(*, platform: str = AMD64) -> Image:
    return _container("exec sleep 86400", {}, platform=platform)


def listens_late(seconds: float, *, platform: str = AMD64) -> Image:
    page = File(content=b"<h1>late</h1>\n")
    return _container(
        f"sleep {seconds}; exec httpd -f -p ${{PORT:-{PORT}}} -h /www",
        {"www/index.html": page},
        platform=platform,
    )


def answers_500(path: str, *, platform: str = AMD64) -> Image:
    """Listens, and serves every path but *path*."""
    answer = (
        "#!/bin/sh\nread -r method path version\n"
        # The rest of the request is read first: closing with unread bytes resets the connection.
        "while read -r line && [ ${#line} -gt 1 ]; do :; done\n"
        f"case ${{path%%\\?*}} in\n{path}) status='500 Internal Server Error';;\n"
        "*) status='200 OK';;\nesac\n"
        "printf 'HTTP/1.1 %s\\r\\nContent-Type: text/plain\\r\\nContent-Length: 0\\r\\n"
        'Connection: close\\r\\n\\r\\n\' "$status"\n'
    )
    return _container(
        f"exec nc -ll -p ${{PORT:-{PORT}}} -e /answer",
        {"answer": File(content=answer.encode(), mode=0o755)},
        platform=platform,
    )


def ballast(layers: int, size: int, *, seed: int = 0, platform: str = AMD64) -> Image:
    """*layers* random layers of *size* bytes: something to measure a pull with."""
    content = [random_layer(size, seed + number) for number in range(layers)]
    return image(content, {"Cmd": ["/x"]}, platform=platform)


def _container(
    command: str,
    files: Mapping[str, File | str],
    *,
    platform: str,
    form: Form = OCI,
    port: int = PORT,
) -> Image:
    layers = [busybox_layer(), *([files_layer(files)] if files else [])]
    config = {
        "Cmd": ["/bin/sh", "-c", command],
        "Env": ["PATH=/bin"],
        "ExposedPorts": {f"{port}/tcp": {}},
    }
    return image(layers, config, platform=platform, form=form)
