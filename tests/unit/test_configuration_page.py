"""docs/configuration.md names every variable that is read, and no other."""

import re
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_READ = re.compile(r'read\.(?:text|parsed|optional)\(\s*"([A-Z0-9_]+)"')


def test_the_page_and_the_code_name_the_same_variables() -> None:
    code = (_ROOT / "transship" / "config.py").read_text()
    page = (_ROOT / "docs" / "configuration.md").read_text()
    read = {f"TRANSSHIP_{name}" for name in _READ.findall(code)}
    assert set(re.findall(r"TRANSSHIP_[A-Z0-9_]*[A-Z0-9]", page)) == read
