"""``python -m tools.terraform check | test | readme``: the checks of ``infra/``.

* check: schema, rules, roles.md and README.md; needs no Terraform
* test: formatting, validate, plan and test with a real Terraform where one is installed
* readme: write the tables of infra/README.md
"""

import sys
import time
from pathlib import Path

from tools.terraform import check, offline, readme, roles, rules
from tools.terraform.bindings import Bindings
from tools.terraform.configuration import Configuration, InvalidConfiguration
from tools.terraform.schema import Schema
from tools.terraform.wheel import WheelUnavailable, provider_wheel

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
CACHE = ROOT / ".cache" / "terraform"


def configurations() -> list[Configuration]:
    """The module, then its examples."""
    folders = [INFRA, *sorted((INFRA / "examples").iterdir())]
    return [Configuration.read(folder) for folder in folders]


def schema_of(read: list[Configuration]) -> Schema:
    """The schema of what *read* declares."""
    used = sorted({(d.kind, d.type) for c in read for d in c.declared()})
    return Bindings(provider_wheel(CACHE)).schema(iter(used))


def check_command() -> int:
    started = time.monotonic()
    read = configurations()
    schema = schema_of(read)
    found = [
        f"{module.folder.relative_to(ROOT)}/{complaint}"
        for module in read
        for complaint in (*check.complaints(module, schema), *rules.complaints(module))
    ]
    found += [f"infra/{c}" for c in roles.complaints(read[0], INFRA / "roles.md")]
    found += [f"infra/{c}" for c in readme.complaints(INFRA / "README.md", read[0])]
    for complaint in found:
        print(complaint)
    blocks = sum(1 for c in read for _ in c.declared())
    print(f"{blocks} blocks, {len(found)} complaints, {time.monotonic() - started:.1f} s")
    return int(bool(found))


def test_command() -> int:
    binary = offline.terraform_binary()
    if binary is None:
        print("skipped: no terraform is installed, so nothing was validated, planned or tested")
        return 0
    failed = 0
    with offline.Terraform.started(binary, INFRA, schema_of(configurations()), CACHE) as terraform:
        for result in terraform.checks():
            print(f"{'ok    ' if result.ok else 'FAILED'} {result.command}")
            if not result.ok:
                failed += 1
                print(result.output)
    return int(bool(failed))


def readme_command() -> int:
    path = INFRA / "README.md"
    path.write_text(readme.with_tables(path.read_text(), Configuration.read(INFRA)))
    return 0


COMMANDS = {"check": check_command, "test": test_command, "readme": readme_command}


def main(arguments: list[str]) -> int:
    command = COMMANDS.get(arguments[0]) if len(arguments) == 1 else None
    if command is None:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return command()
    except (WheelUnavailable, offline.Unavailable, InvalidConfiguration) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
