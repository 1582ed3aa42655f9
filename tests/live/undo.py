"""What a run has changed, taken back: each entry is safe to take back twice.

Kinds: ``delete`` a resource, ``patch`` a setting to what it was, ``audit`` logs of data switched
off again, a ``binding`` of the project taken out, and what ``terraform`` made destroyed.
"""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import urllib3

from tests.live.google import ApiRefused, Google, NotFinished, is_operation
from tests.live.run import State
from tests.live.world import Cloud

_MANAGER = "https://cloudresourcemanager.googleapis.com/v3"
_IAM = "https://iam.googleapis.com/"
_AUDITED = "artifactregistry.googleapis.com"
_LOG_TYPES = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
# Somebody else may write the same policy: its etag says so, and it is read again.
_ATTEMPTS = 5
_TERRAFORM = 1800

Policy = dict[str, Any]


class StillThere(Exception):
    """Something could not be taken back; the message says what, and why."""


def take_back(google: Google, project: str, entry: Mapping[str, Any]) -> None:
    """Raises StillThere."""
    try:
        if entry["kind"] == "delete":
            _delete(google, entry["url"])
        elif entry["kind"] == "patch":
            google.done("PATCH", entry["url"], entry["body"])
        elif entry["kind"] == "audit":
            _change_policy(google, project, lambda policy: _set_audit(policy, entry["before"]))
        elif entry["kind"] == "binding":
            _change_policy(google, project, lambda policy: _unbind(policy, entry["binding"]))
        elif entry["kind"] == "terraform":
            _destroy(Path(entry["folder"]), entry["variables"])
        else:
            raise StillThere(f"{entry}: nobody knows how to take this back")
    except ApiRefused as refused:
        raise StillThere(str(refused)) from refused


def _delete(google: Google, url: str) -> None:
    answer = google.ask("DELETE", url)
    if answer.status == 404:
        return
    if not answer.is_good:
        raise ApiRefused(f"DELETE {url}", answer)
    document = answer.json()
    if is_operation(document):
        google.finished(url, document)


def _destroy(folder: Path, variables: Mapping[str, str]) -> None:
    if not (folder / "terraform.tfstate").exists():
        return
    command = ["terraform", "destroy", "-auto-approve", "-input=false", "-no-color"]
    command += [f"-var={key}={value}" for key, value in variables.items()]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_TERRAFORM, check=False
    )
    if done.returncode:
        raise StillThere(f"terraform destroy in {folder}: {done.stderr[-2000:]}")


def sweep(google: Google, state: State, say: Callable[[str], None]) -> bool:
    """Take everything back, the newest first; what is still there is kept in the state.

    Twice, since some things can only go after others that were made later than they.
    """
    for _ in range(2):
        for entry in reversed(list(state.undo)):
            try:
                take_back(google, state.project, entry)
            except (StillThere, NotFinished, OSError, urllib3.exceptions.HTTPError) as problem:
                say(f"still there: {problem}")
            else:
                state.undo.remove(entry)
                state.save()
    return not state.undo


def log_data_access(cloud: Cloud) -> None:
    """Switch Artifact Registry's data-access audit logs on, if they are not."""
    url = f"{_MANAGER}/projects/{cloud.project}:getIamPolicy"
    policy = cloud.google.done("POST", url, {"options": {"requestedPolicyVersion": 3}})
    before = _audit(policy)
    logged = {each["logType"] for each in before.get("auditLogConfigs", [])}
    if {"DATA_READ", "DATA_WRITE"} <= logged:
        return
    cloud.undo({"kind": "audit", "before": before})
    wanted = {"service": _AUDITED, "auditLogConfigs": [{"logType": kind} for kind in _LOG_TYPES]}
    _change_policy(cloud.google, cloud.project, lambda policy: _set_audit(policy, wanted))


def bind_project(cloud: Cloud, binding: Mapping[str, Any]) -> None:
    """One role to members of the project, under the binding's condition if it has one."""
    cloud.undo({"kind": "binding", "binding": dict(binding)})
    _change_policy(
        cloud.google,
        cloud.project,
        lambda policy: policy.setdefault("bindings", []).append(dict(binding)),
    )


def bind(google: Google, url: str, role: str, member: str) -> None:
    """A role on one resource; it goes with the resource."""
    # Of the APIs that are called here, IAM's alone reads a policy by POST.
    reads = "POST" if url.startswith(_IAM) else "GET"
    policy = google.done(reads, f"{url}:getIamPolicy", {} if reads == "POST" else None)
    bindings = policy.setdefault("bindings", [])
    if any(each["role"] == role and member in each["members"] for each in bindings):
        return
    bindings.append({"role": role, "members": [member]})
    google.done("POST", f"{url}:setIamPolicy", {"policy": policy})


def _change_policy(google: Google, project: str, change: Callable[[Policy], Any]) -> None:
    url = f"{_MANAGER}/projects/{project}"
    for attempt in range(_ATTEMPTS):
        asked = {"options": {"requestedPolicyVersion": 3}}
        policy = google.done("POST", f"{url}:getIamPolicy", asked)
        change(policy)
        policy["version"] = 3
        body = {"policy": policy, "updateMask": "auditConfigs,bindings,etag"}
        answer = google.ask("POST", f"{url}:setIamPolicy", body)
        if answer.is_good:
            return
        if answer.status != 409 or attempt == _ATTEMPTS - 1:
            raise ApiRefused(f"setIamPolicy of {project}", answer)


def _audit(policy: Policy) -> dict[str, Any]:
    configs = policy.get("auditConfigs", [])
    return next((each for each in configs if each["service"] == _AUDITED), {})


def _set_audit(policy: Policy, wanted: Mapping[str, Any]) -> None:
    others = [each for each in policy.get("auditConfigs", []) if each["service"] != _AUDITED]
    policy["auditConfigs"] = [*others, dict(wanted)] if wanted else others


def _unbind(policy: Policy, binding: Mapping[str, Any]) -> None:
    policy["bindings"] = [each for each in policy.get("bindings", []) if each != binding]
