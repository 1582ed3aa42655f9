"""What a reviewer of this module would refuse, whatever the provider thinks of it."""

import re
from collections.abc import Iterator
from typing import Any

from packaging.specifiers import SpecifierSet

from tools.terraform.configuration import Configuration, Declared
from tools.terraform.wheel import PROVIDER_VERSION

# The webhook's senders have no Google account; nothing else may be called by everybody.
PUBLIC = frozenset({"google_cloud_run_v2_service_iam_member.public_webhook"})

_PLACEHOLDER = re.compile(
    r"\b(TODO|FIXME|XXX|CHANGE_?ME|REPLACE_?ME|YOUR[-_]\w+|your-[a-z]+|placeholder)\b"
)
_EVERYBODY = re.compile(r"allUsers|allAuthenticatedUsers")
# Basic roles hold thousands of permissions. https://docs.cloud.google.com/iam/docs/roles-overview#basic
_BASIC_ROLE = re.compile(r"roles/(owner|editor|viewer)\b")


def complaints(configuration: Configuration) -> list[str]:
    """One sentence for each rule that is broken."""
    return [
        *_unfinished(configuration),
        *_undescribed(configuration),
        *_unsorted(configuration),
        *_unchecked_provider(configuration),
        *(complaint for d in configuration.declared() for complaint in _in_declared(d)),
    ]


def _unfinished(configuration: Configuration) -> Iterator[str]:
    for name in configuration.files:
        text = (configuration.folder / name).read_text()
        for number, line in enumerate(text.splitlines(), 1):
            if found := _PLACEHOLDER.search(line):
                yield f"{name}:{number}: {found[0]} is a placeholder"


def _undescribed(configuration: Configuration) -> Iterator[str]:
    for variable in configuration.variables():
        for argument in ("description", "type"):
            if not variable.body.get(argument):
                yield f"{variable.file}: the variable {variable.name} has no {argument}"
    for output in configuration.outputs():
        if not output.body.get("description"):
            yield f"{output.file}: the output {output.name} has no description"


def _unsorted(configuration: Configuration) -> Iterator[str]:
    for kind, named in (
        ("variables", configuration.variables()),
        ("outputs", configuration.outputs()),
    ):
        names = [n.name for n in named]
        for name, right in zip(names, sorted(names), strict=True):
            if name != right:
                yield f"{kind}.tf: {right} belongs before {name} ({kind} are alphabetical)"
                break


def _unchecked_provider(configuration: Configuration) -> Iterator[str]:
    for name, document in configuration.files.items():
        for terraform in document.get("terraform", []):
            for providers in terraform.get("required_providers", []):
                yield from _in_providers(providers, name)


def _in_providers(providers: dict[str, Any], name: str) -> Iterator[str]:
    google = providers.get("google", {})
    if PROVIDER_VERSION not in SpecifierSet(google.get("version", "")):
        yield (
            f"{name}: {google.get('version')!r} leaves out {PROVIDER_VERSION},"
            " whose schema this is checked with"
        )
    for other in providers:
        if other not in {"google", "__is_block__"}:
            yield f"{name}: the provider {other} cannot be checked offline, and is not needed"


def _in_declared(declared: Declared) -> Iterator[str]:
    where = f"{declared.file}: {declared.address}"
    text = str(declared.body)
    if _EVERYBODY.search(text) and declared.address not in PUBLIC:
        yield f"{where}: is open to everybody"
    if found := _BASIC_ROLE.search(text):
        yield f"{where}: {found[0]} is a basic role; name the permissions that are needed"
    if re.search(r"_iam_(binding|policy)$", declared.type):
        # A binding or policy takes away what others have granted on the same resource.
        yield f"{where}: is authoritative; use {declared.type.rsplit('_', 1)[0]}_member"
