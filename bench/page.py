"""docs/benchmarks.md: a part for each table, replaced when that table is measured again."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def put(name: str, text: str) -> None:
    """Replace the part *name*, or add it at the end."""
    page = PAGE.read_text()
    part = f"<!-- {name} -->\n{text.strip()}\n\n{_where_and_when(name)}\n<!-- /{name} -->"
    pattern = re.compile(rf"<!-- {name} -->.*<!-- /{name} -->", re.DOTALL)
    if pattern.search(page):
        page = pattern.sub(lambda _: part, page)
    else:
        page = f"{page.rstrip()}\n\n{part}\n"
    PAGE.write_text(page)


def _where_and_when(name: str) -> str:
    load = os.getloadavg()[0]
    return (
        f"*`python -m bench {name}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load {load:.1f};"
        f" {_processor()}, {os.cpu_count()} cores, Linux {platform.release()},"
        f" Python {platform.python_version()}.*"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def version(*command: str) -> str:
    """The first line that a peer says of itself, or that it is missing."""
    try:
        run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return f"{command[0]}: missing"
    return (run.stdout or run.stderr).splitlines()[0].split(" (")[0].strip()
