"""The source of the function that experiments deploy: it says what it finds around it.

One file, sent as main.py. It names environment variables and tells no value but those of the
platform's that are asked about.
"""

import json
import os
import resource
import time
from pathlib import Path

_BEGAN = time.time()
_ASKED = ("CLOUD_RUN_TIMEOUT_SECONDS", "PYTHONDONTWRITEBYTECODE", "THREADS", "WORKERS")


def live(request: object) -> tuple[str, int, dict[str, str]]:
    """As an HTTP function; the framework's imports are in what it says of bytecode."""
    del request
    import functions_framework  # noqa: PLC0415 — its place is asked for, not its functions

    packages = Path(str(functions_framework.__file__)).parents[1]
    said = {
        "environment": sorted(os.environ),
        "asked": {name: os.environ.get(name) for name in _ASKED},
        "cpu_count": os.cpu_count(),
        "bytecode_of_packages": len(list(packages.glob("*/__pycache__"))),
        "bytecode_of_source": len(list(Path(__file__).parent.glob("__pycache__/main*.pyc"))),
        "process_age": time.time() - _started(),
        "import_to_request": time.time() - _BEGAN,
        "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }
    # Long enough that requests which are sent together each need an instance of their own.
    time.sleep(2.0)
    return json.dumps(said), 200, {"Content-Type": "application/json"}


def hear(event: object) -> None:
    """As a function of a topic: it is its subscription that is looked at."""
    del event


def _started() -> float:
    """When this process began, by proc(5)."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    up = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - up + float(fields[19]) / os.sysconf("SC_CLK_TCK")
