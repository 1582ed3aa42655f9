"""L8: whether ``infra/`` plans, applies, plans nothing more, and is destroyed.

The example ``minimal`` in a copy, with state of its own; Docker Hub's token is in the secrets that
docs/first-hour.md names.
"""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.live.experiment import Bench, Cost, Experiment, Step

_ROOT = Path(__file__).parents[2]
_COPIES = _ROOT / ".cache" / "live"
_SECRETS = "https://secretmanager.googleapis.com/v1"
_SECONDS = 1800
_KEPT = 20_000
_QUIET = ("-input=false", "-no-color")
_NOTHING_TO_DO, _CHANGES = 0, 2


def _prepare(bench: Bench) -> None:
    """The secrets, the functions' archive, and a copy of the configuration with its module."""
    cloud = bench.cloud
    user, token = cloud.hub.login or ("", "")
    credentials = json.dumps({"docker.io": {"username": user, "password": token}})
    for secret, value in (
        ("docker-hub-token", token),
        ("transship-upstream-credentials", credentials),
    ):
        parent = f"{_SECRETS}/projects/{cloud.project}/secrets"
        answer = cloud.google.ask("GET", f"{parent}/{secret}")
        if answer.status != 404:
            continue  # somebody's own: it stays as it is
        cloud.delete_later(f"{parent}/{secret}")
        replication: dict[str, Any] = {"replication": {"automatic": {}}}
        cloud.google.done("POST", f"{parent}?secretId={secret}", replication)
        data = base64.b64encode(value.encode()).decode()
        cloud.google.done("POST", f"{parent}/{secret}:addVersion", {"payload": {"data": data}})
    _run(bench, "archive", [sys.executable, "-m", "tools.archive"], _ROOT)
    copy = _COPIES / cloud.run
    if not copy.exists():
        ignored = shutil.ignore_patterns(".terraform", "*.tfstate*", ".terraform.lock.hcl")
        shutil.copytree(_ROOT / "infra", copy / "infra", ignore=ignored)
        shutil.copytree(_ROOT / "build", copy / "build")
    folder = copy / "infra" / "examples" / "minimal"
    cloud.undo({"kind": "terraform", "folder": str(folder), "variables": variables(bench)})
    bench.notes["folder"] = str(folder)


def variables(bench: Bench) -> dict[str, str]:
    user, _ = bench.cloud.hub.login or ("", "")
    return {
        "project": bench.cloud.project,
        "region": bench.cloud.region,
        "docker_hub_username": user,
    }


def _terraform(what: str, *arguments: str) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        values = variables(bench) if what not in {"init", "validate"} else {}
        command = [*terraform(arguments, values)]
        code = _run(bench, what, command, Path(bench.notes["folder"]))
        meant = {_NOTHING_TO_DO: "nothing to do", _CHANGES: "changes"}.get(code, f"failed: {code}")
        planned = what.startswith("plan")
        bench.answer("U32", **{what: meant if planned else code == 0})
        if code not in {_NOTHING_TO_DO, *({_CHANGES} if planned else ())}:
            # The steps that follow would say nothing; what is there is destroyed in the end.
            raise TerraformFailed(f"terraform {what}: {code}")

    return run


class TerraformFailed(Exception):
    """Terraform did not do it; the record has what it printed."""


def terraform(arguments: tuple[str, ...], values: Mapping[str, str]) -> list[str]:
    """
    >>> terraform(("plan", "-input=false"), {"region": "asia-northeast1"})
    ['terraform', 'plan', '-input=false', '-var=region=asia-northeast1']
    """
    return ["terraform", *arguments, *(f"-var={key}={value}" for key, value in values.items())]


def _run(bench: Bench, what: str, command: list[str], folder: Path) -> int:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    printed = (done.stdout + done.stderr)[-_KEPT:]
    bench.calls.add(what, printed, command=command, code=done.returncode)
    return done.returncode


EXPERIMENTS = (
    Experiment(
        name="terraform",
        bundle="L8",
        questions={"U32": "Does the configuration plan and apply, and is the second plan empty?"},
        creates=("everything that infra/examples/minimal declares, and two secrets",),
        cost=Cost.DOLLARS,
        # Topic and audit logs of its own, which others make as well.
        alone=True,
        steps=(
            Step(run=_prepare),
            Step(run=_terraform("init", "init", *_QUIET)),
            Step(run=_terraform("validate", "validate", "-no-color")),
            Step(run=_terraform("plan", "plan", "-detailed-exitcode", *_QUIET)),
            Step(run=_terraform("apply", "apply", "-auto-approve", *_QUIET)),
            Step(run=_terraform("plan_again", "plan", "-detailed-exitcode", *_QUIET)),
            Step(run=_terraform("destroy", "destroy", "-auto-approve", *_QUIET)),
        ),
    ),
)
