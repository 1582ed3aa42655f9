"""Real Terraform without a network: a copy of ``infra/``, the stub provider, and the binary.

Terraform attaches to a provider that already runs (TF_REATTACH_PROVIDERS), so ``init`` installs
nothing. The copy keeps lock files and caches out of the checkout.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from tools.terraform.schema import Schema

_HERE = Path(__file__).parent
_REQUIREMENTS = _HERE / "requirements.txt"
_PROVIDER = "registry.terraform.io/hashicorp/google"
_TIMEOUT = 120


class Unavailable(Exception):
    """The environment of the stub provider cannot be made."""


def terraform_binary() -> Path | None:
    """Terraform's, where one is installed."""
    found = shutil.which("terraform")
    return Path(found) if found else None


def stub_python(cache: Path) -> Path:
    """The interpreter of the stub provider's own environment below *cache*, made when needed."""
    environment, mark = cache / "venv", cache / "venv" / "requirements.txt"
    python = environment / "bin" / "python"
    if not mark.exists() or mark.read_text() != _REQUIREMENTS.read_text():
        shutil.rmtree(environment, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(environment)])
        _run([str(python), "-m", "pip", "install", "--quiet", "-r", str(_REQUIREMENTS)])
        shutil.copy(_REQUIREMENTS, mark)
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise Unavailable(f"{' '.join(command)} failed: {done.stderr.strip()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one command of Terraform said."""

    command: str
    ok: bool
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terraform:
    """The binary, in a copy of the module and beside a running stub provider."""

    binary: Path
    infra: Path
    environment: Mapping[str, str]

    @classmethod
    @contextmanager
    def started(cls, binary: Path, infra: Path, schema: Schema, cache: Path) -> Iterator[Self]:
        with tempfile.TemporaryDirectory(prefix="transship-terraform-") as folder:
            root = Path(folder)
            shutil.copytree(
                infra, root / "infra", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*")
            )
            _write_archive(root / "build" / "transship.zip")
            (root / "schema.json").write_text(json.dumps(schema))
            with _stub(stub_python(cache), root / "schema.json", root / "google.sock") as attach:
                environment = {
                    "CHECKPOINT_DISABLE": "1",  # no look for a newer version
                    "HOME": folder,
                    "NO_COLOR": "1",
                    "PATH": os.environ.get("PATH", ""),
                    "TF_CLI_CONFIG_FILE": os.devnull,
                    "TF_IN_AUTOMATION": "1",
                    "TF_REATTACH_PROVIDERS": attach,
                }
                yield cls(binary=binary, infra=root / "infra", environment=environment)

    def run(self, *arguments: str, folder: str = ".") -> Result:
        command = [str(self.binary), *arguments]
        done = subprocess.run(
            command,
            cwd=self.infra / folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        return Result(
            command=f"terraform {' '.join(arguments)} ({folder})",
            ok=done.returncode == 0,
            output=done.stdout + done.stderr,
        )

    def checks(self) -> Iterator[Result]:
        """Formatting, each folder valid, each example plannable, and the tests."""
        yield self.run("fmt", "-check", "-diff", "-recursive")
        yield self.run("init", "-backend=false", "-input=false")
        yield self.run("validate")
        for example in sorted((self.infra / "examples").iterdir()):
            folder = f"examples/{example.name}"
            yield self.run("init", "-backend=false", "-input=false", folder=folder)
            yield self.run("validate", folder=folder)
            plan = ("plan", "-input=false", "-lock=false", *_VARIABLES[folder])
            yield self.run(*plan, folder=folder)
        tests = self.run("test", "-no-color")
        # Terraform calls a folder without tests a success.
        some_passed = re.search(r"\b[1-9]\d* passed", tests.output) is not None
        yield replace(tests, ok=tests.ok and some_passed)


_COMMON = ("-var=project=sample-project", "-var=docker_hub_username=sample")
_VARIABLES = {
    "examples/follow-terraform-service": _COMMON,
    "examples/minimal": _COMMON,
    "examples/shared-mirror": (*_COMMON, '-var=teams=["team-a-project","team-b-project"]'),
}


def _write_archive(path: Path) -> None:
    """An archive with nothing in it: Terraform only wants its digest."""
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w"):
        pass


@contextmanager
def _stub(python: Path, schema: Path, socket: Path) -> Iterator[str]:
    """A running stub provider, as the value of TF_REATTACH_PROVIDERS."""
    command = [str(python), str(_HERE / "stub_provider.py"), str(schema), str(socket)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            if process.stdout is None or process.stdout.readline().strip() != "ready":
                raise Unavailable("the stub provider did not start")
            address = {"Network": "unix", "String": str(socket)}
            attach = {
                "Protocol": "grpc",
                "ProtocolVersion": 6,
                "Pid": process.pid,
                "Test": True,  # do not end it after one command
                "Addr": address,
            }
            yield json.dumps({_PROVIDER: attach})
        finally:
            process.terminate()
