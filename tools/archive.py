"""The functions' source as one zip, the same bytes for the same tree: ``python -m tools.archive``.

Terraform names the object after its content, so an archive that changes by itself would build every
function anew. Hence fixed times, sorted names, and stored rather than deflated (zlib's output
differs between its versions). The bytecode has no times either: ``unchecked-hash`` .pyc are loaded
without a look at the source (PEP 552), which saves a cold start most of its imports.
"""

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "build" / "transship.zip"
# What a function imports; everything else stays here.
PACKAGES = ("handlers", "transship")
FILES = ("main.py", "requirements.txt")
# infra/functions.tf's runtime: bytecode is of one minor version of Python.
RUNTIME = (3, 11)

# The earliest time that a zip can say.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644
# A fresh interpreter for all files, in order: marshal's output depends on what was interned before
# (https://github.com/python/cpython/issues/78274), and that of sets on the hash seed.
_COMPILE = """
import py_compile, sys
for name in sys.argv[1:]:
    py_compile.compile(
        name, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
"""


class WrongInterpreter(Exception):
    """The bytecode would be of another version than the runtime's."""


def write_archive(root: Path, target: Path) -> None:
    """The archive of the tree at *root*, replaced as a whole."""
    if sys.version_info[:2] != RUNTIME:
        raise WrongInterpreter(
            f"the functions run on Python {RUNTIME[0]}.{RUNTIME[1]}; this is {sys.version}"
        )
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        _copy_source(root, copy)
        _compile(copy)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(".unfinished")
        _write_zip(copy, unfinished)
        unfinished.replace(target)


def _copy_source(root: Path, copy: Path) -> None:
    for name in _source(root):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((root / name).read_bytes())


def _source(root: Path) -> Iterator[Path]:
    yield from map(Path, FILES)
    for package in PACKAGES:
        for path in (root / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(root)


def _compile(copy: Path) -> None:
    modules = sorted(str(path.relative_to(copy)) for path in copy.rglob("*.py"))
    subprocess.run(
        [sys.executable, "-S", "-c", _COMPILE, *modules],
        cwd=copy,
        env={"PYTHONHASHSEED": "0", "PATH": os.environ.get("PATH", "")},
        timeout=120,
        check=True,
    )


def _write_zip(copy: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(path for path in copy.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(copy).as_posix(), date_time=_TIME)
            entry.external_attr = _MODE << 16
            entry.create_system = 3  # Unix, whatever this is: the mode above is Unix's
            archive.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    write_archive(ROOT, TARGET)
    print(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size} bytes")
