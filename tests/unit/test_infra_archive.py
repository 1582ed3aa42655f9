"""The functions' source archive: the same bytes for the same tree, and only what runs."""

import importlib.util
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from tools.archive import RUNTIME, write_archive

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != RUNTIME, reason="the archive's bytecode is of the runtime's Python"
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name, text in {
        "main.py": "WORDS = {'deploy', 'refresh', 'warm', 'webhook', 'forward', 'bury'}\n",
        "requirements.txt": "urllib3==2.8.0\n",
        "handlers/__init__.py": "",
        "transship/__init__.py": "",
        "transship/pull.py": "def pull(image: str) -> bool:\n    return image in {'a', 'b', 'c'}\n",
        "tests/test_pull.py": "",
        "transship/__pycache__/pull.cpython-38.pyc": "old",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_same_tree_gives_the_same_bytes(tree: Path, tmp_path: Path) -> None:
    write_archive(tree, tmp_path / "one.zip")
    (tree / "main.py").touch()  # another time, another order of the directory
    (tree / "transship" / "pull.py").rename(tree / "moved.py")
    (tree / "moved.py").rename(tree / "transship" / "pull.py")
    write_archive(tree, tmp_path / "two.zip")

    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_another_tree_gives_other_bytes(tree: Path, tmp_path: Path) -> None:
    write_archive(tree, tmp_path / "one.zip")
    (tree / "main.py").write_text("WORDS = {'deploy'}\n")
    write_archive(tree, tmp_path / "two.zip")

    assert (tmp_path / "one.zip").read_bytes() != (tmp_path / "two.zip").read_bytes()


def test_what_a_function_does_not_import_stays_out(tree: Path, tmp_path: Path) -> None:
    write_archive(tree, tmp_path / "one.zip")

    tag = sys.implementation.cache_tag
    assert zipfile.ZipFile(tmp_path / "one.zip").namelist() == [
        f"__pycache__/main.{tag}.pyc",
        "handlers/__init__.py",
        f"handlers/__pycache__/__init__.{tag}.pyc",
        "main.py",
        "requirements.txt",
        "transship/__init__.py",
        f"transship/__pycache__/__init__.{tag}.pyc",
        f"transship/__pycache__/pull.{tag}.pyc",
        "transship/pull.py",
    ]


def test_bytecode_is_loaded_without_a_look_at_the_source(tree: Path, tmp_path: Path) -> None:
    write_archive(tree, tmp_path / "one.zip")

    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        bytecode = archive.read(f"transship/__pycache__/pull.{sys.implementation.cache_tag}.pyc")
    assert bytecode[:4] == importlib.util.MAGIC_NUMBER
    # PEP 552: bit 0 says hash-based, bit 1 that the source is checked.
    assert int.from_bytes(bytecode[4:8], "little") == 0b01
    # What a traceback says; a path of the machine that built it would change the bytes.
    assert tempfile.gettempdir().encode() not in bytecode


def test_the_functions_run_on_the_archives_python() -> None:
    functions = Path(__file__).parents[2] / "infra" / "functions.tf"

    assert f'"python{RUNTIME[0]}{RUNTIME[1]}"' in functions.read_text()
