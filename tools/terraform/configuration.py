"""A Terraform configuration as data: the blocks of a folder's ``*.tf`` files, unevaluated.

An expression stays text in ``${...}``; a literal is a Python value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import hcl2
from hcl2.utils import SerializationOptions

from tools.terraform.schema import Kind

# Key that marks a dictionary as a block; what python-hcl2 adds and the configuration did not say.
IS_BLOCK = "__is_block__"
_ADDED = frozenset({IS_BLOCK, "__comments__", "__inline_comments__"})

Body = dict[str, Any]


class InvalidConfiguration(Exception):
    """A file is not HCL; the message names file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A resource or data block."""

    kind: Kind
    type: str
    name: str
    file: str
    body: Body

    @property
    def address(self) -> str:
        return f"{'data.' if self.kind == 'data' else ''}{self.type}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A variable or an output."""

    name: str
    file: str
    body: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One folder, which is what Terraform calls a module."""

    folder: Path
    files: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> Self:
        return cls(
            folder=folder, files={path.name: _parse(path) for path in sorted(folder.glob("*.tf"))}
        )

    def declared(self) -> Iterator[Declared]:
        kinds: tuple[Kind, ...] = ("resource", "data")
        for kind in kinds:
            for file, labels, body in self._labelled(kind, depth=2):
                yield Declared(kind=kind, type=labels[0], name=labels[1], file=file, body=body)

    def variables(self) -> list[Named]:
        return [
            Named(name=labels[0], file=file, body=body)
            for file, labels, body in self._labelled("variable", depth=1)
        ]

    def outputs(self) -> list[Named]:
        return [
            Named(name=labels[0], file=file, body=body)
            for file, labels, body in self._labelled("output", depth=1)
        ]

    def local_values(self) -> dict[str, Any]:
        """All values of the ``locals`` blocks, unevaluated."""
        return {
            name: value
            for document in self.files.values()
            for block in document.get("locals", [])
            for name, value in said(block).items()
        }

    def _labelled(self, kind: str, *, depth: int) -> Iterator[tuple[str, tuple[str, ...], Body]]:
        for file, document in self.files.items():
            for entry in document.get(kind, []):
                for labels, body in _unwrap(entry, depth):
                    yield file, labels, body


def said(body: Body) -> Body:
    """*body* without what the parser added."""
    return {key: value for key, value in body.items() if key not in _ADDED}


def is_expression(value: object) -> bool:
    """Whether *value* is known only to Terraform."""
    return isinstance(value, str) and "${" in value


def blocks(value: object) -> list[Body] | None:
    """*value* as blocks, or None when it is an argument."""
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        return value if all(v.get(IS_BLOCK) for v in value) else None
    return None


def _unwrap(entry: Body, depth: int) -> Iterator[tuple[tuple[str, ...], Body]]:
    if depth == 0:
        yield (), entry
        return
    for label, inner in said(entry).items():
        for labels, body in _unwrap(inner, depth - 1):
            yield (label, *labels), body


def _parse(path: Path) -> dict[str, Any]:
    options = SerializationOptions(
        with_comments=False, preserve_heredocs=False, strip_string_quotes=True
    )
    try:
        document: dict[str, Any] = hcl2.loads(path.read_text(), serialization_options=options)
    except Exception as error:
        # python-hcl2 lets its parser's own errors through, which have no common base.
        raise InvalidConfiguration(f"{path}: {error}") from error
    return document
