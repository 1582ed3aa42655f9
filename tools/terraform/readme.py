"""The tables of variables and outputs in a module's README, made from the Terraform.

They stand between two comments; the rest of the file is written by hand.
"""

import json
import re
from pathlib import Path
from typing import Any

from tools.terraform.configuration import Configuration, Named, said

BEGIN, END = "<!-- begin: python -m tools.terraform readme -->", "<!-- end -->"
_TABLES = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), flags=re.DOTALL)


class NoTables(Exception):
    """The README has no place for the tables."""


def with_tables(text: str, configuration: Configuration) -> str:
    """*text* with the tables as they should be."""
    if not _TABLES.search(text):
        raise NoTables(f"README.md lacks the lines {BEGIN!r} and {END!r}")
    tables = f"{BEGIN}\n{_tables(configuration)}\n{END}"
    return _TABLES.sub(lambda _match: tables, text)


def complaints(readme: Path, configuration: Configuration) -> list[str]:
    text = readme.read_text()
    if with_tables(text, configuration) == text:
        return []
    return [f"{readme.name}: is not what `python -m tools.terraform readme` writes"]


def _tables(configuration: Configuration) -> str:
    return "\n".join(
        [
            "## Variables",
            "",
            "| name | type | default | meaning |",
            "| --- | --- | --- | --- |",
            *map(_variable, configuration.variables()),
            "",
            "## Outputs",
            "",
            "| name | meaning |",
            "| --- | --- |",
            *(f"| `{o.name}` | {_prose(o)} |" for o in configuration.outputs()),
        ]
    )


def _variable(variable: Named) -> str:
    default = _literal(variable.body["default"]) if "default" in variable.body else "**required**"
    return f"| `{variable.name}` | `{_type(variable)}` | {default} | {_prose(variable)} |"


def _type(variable: Named) -> str:
    """The type without the fields of objects, which would be wider than a page."""
    expression = str(variable.body["type"]).removeprefix("${").removesuffix("}")
    head, found, _fields = expression.partition("object(")
    return f"{head}object{')' * head.count('(')}" if found else expression


def _literal(value: Any) -> str:
    return f"`{json.dumps(_plain(value))}`"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in said(value).items()}
    return value


def _prose(named: Named) -> str:
    # A heredoc arrives with its newlines escaped; one line of a table has none.
    text = str(named.body["description"]).replace("\\n", "\n").replace('\\"', '"')
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")
