"""Who is granted what: read from the Terraform, and held against the list that people review.

The list is ``infra/roles.md``. One table has a row for each resource that grants, one a row for
each custom role; everything but these two cells is for the reader.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.terraform.configuration import Configuration

_CUSTOM = re.compile(r"google_project_iam_custom_role\.(\w+)")
_CODE = re.compile(r"`([^`]+)`")
# How a member is said to be a function's account: by its name, or by the loop's word for it.
_ACCOUNT = re.compile(r"google_service_account\.function\[(?:\"(\w+)\"|each\.value\.account)\]")
_WORD = re.compile(r'"(\w+)"')
_OF_FUNCTION = re.compile(r"function\.(\w+)")


def granted(configuration: Configuration) -> dict[str, str]:
    """Address of the resource that grants -> the role, ``transshipDeployer`` for a custom one."""
    ids = {
        d.name: d.body["role_id"]
        for d in configuration.declared()
        if d.type == "google_project_iam_custom_role"
    }
    grants = {}
    for declared in configuration.declared():
        if declared.kind == "resource" and declared.type.endswith("_iam_member"):
            role = declared.body["role"]
            custom = _CUSTOM.search(role)
            grants[declared.address] = ids[custom[1]] if custom else role
    return grants


def permissions(configuration: Configuration) -> dict[str, frozenset[str]]:
    """Custom role -> its permissions."""
    return {
        d.body["role_id"]: frozenset(d.body["permissions"])
        for d in configuration.declared()
        if d.type == "google_project_iam_custom_role"
    }


def holders(configuration: Configuration) -> dict[str, frozenset[str]]:
    """Address of the resource that grants -> the functions' accounts that hold the role.

    Where a loop says which, they are the words of it that are accounts, or, where it goes over the
    functions themselves, the accounts of those that have what it is about.
    """
    functions = configuration.local_values()["all_functions"].values()
    accounts = {function["account"] for function in functions}
    held = {}
    for declared in configuration.declared():
        member = _ACCOUNT.search(str(declared.body.get("member", "")))
        if member is None or not declared.type.endswith("_iam_member"):
            continue
        loop = str(declared.body.get("for_each", ""))
        about = set(_OF_FUNCTION.findall(loop)) - {"account"}
        if member[1]:
            found = {member[1]}
        elif about:
            found = {f["account"] for f in functions if any(f[each] for each in about)}
        else:
            found = accounts & set(_WORD.findall(loop))
        held[declared.address] = frozenset(found)
    return held


def complaints(configuration: Configuration, document: Path) -> list[str]:
    """One sentence for each difference between Terraform and *document*."""
    rows = list(_rows(document.read_text()))
    listed_grants = {row[0][0]: row[2][0] for row in rows if row[0][0].startswith("google_")}
    listed_roles = {
        row[0][0]: frozenset(row[1]) for row in rows if not row[0][0].startswith("google_")
    }
    return [
        *_differences(granted(configuration), listed_grants, document.name),
        *_differences(permissions(configuration), listed_roles, document.name),
    ]


def _rows(text: str) -> Iterator[list[list[str]]]:
    """The quoted words of each cell, for the rows whose first cell has one."""
    for line in text.splitlines():
        cells = [_CODE.findall(cell) for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and cells[0]:
            yield cells


def _differences(
    actual: Mapping[str, object], listed: Mapping[str, object], document: str
) -> Iterator[str]:
    for name in sorted(actual.keys() - listed.keys()):
        yield f"{document}: {name} is missing; Terraform has {_shown(actual[name])}"
    for name in sorted(listed.keys() - actual.keys()):
        yield f"{document}: {name} is in no *.tf"
    for name in sorted(actual.keys() & listed.keys()):
        if actual[name] != listed[name]:
            yield (
                f"{document}: {name} says {_shown(listed[name])};"
                f" Terraform has {_shown(actual[name])}"
            )


def _shown(value: object) -> str:
    return ", ".join(sorted(value)) if isinstance(value, frozenset) else str(value)
