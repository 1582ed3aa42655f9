"""Debian's docker-registry, in plain and over TLS, on ports that the kernel chooses."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from bench.storage import Storage
from transship.clients.egress import Guard
from transship.clients.registry import RegistryClient

_LISTENING = re.compile(r"listening on 127\.0\.0\.1:(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """*ca_file* is set where it speaks TLS."""

    port: int
    storage: Storage
    ca_file: str | None = None

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http{'s' if self.ca_file else ''}://{self.authority}"

    def client(self) -> RegistryClient:
        guard = Guard(host_map={self.authority: self.url})
        return RegistryClient(guard, ca_file=self.ca_file)


@contextmanager
def running(folder: Path, *, tls: bool = False) -> Iterator[Registry]:
    """With its storage in *folder*, which two of them may share for reading."""
    if shutil.which("docker-registry") is None:
        sys.exit("docker-registry is missing: install the Debian package docker-registry")
    home = folder / ("tls" if tls else "plain")
    home.mkdir(parents=True)
    http: dict[str, object] = {"addr": "127.0.0.1:0"}
    if tls:
        http["tls"] = _certificates(home)
    configuration = {
        "version": "0.1",
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage"), "maxthreads": 100}},
        "http": http,
    }
    (home / "config.yml").write_text(json.dumps(configuration))  # JSON is YAML
    output = home / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(home / "config.yml")],
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Registry(
            port=_listening(process, output),
            storage=Storage(folder / "storage"),
            ca_file=str(home / "ca.pem") if tls else None,
        )
    finally:
        process.terminate()
        process.wait(20)


def _certificates(home: Path) -> dict[str, str]:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(home / "ca.pem")
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(home / "certificate.pem", append=True)
    certificate.private_key_pem.write_to_path(home / "key.pem")
    return {"certificate": str(home / "certificate.pem"), "key": str(home / "key.pem")}


def _listening(process: "subprocess.Popen[bytes]", output: Path) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        if match := _LISTENING.search(output.read_text()):
            return int(match[1])
        time.sleep(0.02)
    sys.exit(f"docker-registry did not start:\n{output.read_text()}")
