"""The schema read out of CDK Terrain's bindings by ``ast``: nothing of the wheel is imported.

Each resource is one module. Its ``...Config`` class and the ``jsii.data_type`` classes that it
names hold the arguments; the ``...OutputReference`` classes also hold what is computed.
"""

import ast
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.terraform.schema import Attribute, Block, Kind, NestedBlock, Schema, Type

# CDK's own additions to every resource; they are no arguments of the provider.
_META = frozenset(
    {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners"}
)
# Properties of every reference class that stand for the reference itself.
_OF_REFERENCES = frozenset({"TF_RESOURCE_TYPE", "fqn", "internal_value"})
# Names that lost their underscores on the way through TypeScript's camel case.
_RENAMED = {"md5_hash": "md5hash"}
_NESTED_STRUCT = re.compile(r"""['"]([A-Z]\w+)['"]|Union\[([A-Z]\w+), typing.Dict""")


class UnknownType(LookupError):
    """The provider has no resource or data source of this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Argument:
    annotation: str
    description: str
    required: bool
    is_block: bool

    @property
    def struct(self) -> str | None:
        found = _NESTED_STRUCT.search(self.annotation)
        return (found[1] or found[2]) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Module:
    structs: Mapping[str, Mapping[str, _Argument]]
    computed: Mapping[str, Mapping[str, str]]  # class -> property -> return annotation
    config: str


class Bindings:
    """The provider's blocks by name, each read from the wheel when it is asked for."""

    def __init__(self, wheel: Path) -> None:
        self._zip = zipfile.ZipFile(wheel)
        provider = "/provider/__init__.py"
        self._package = next(
            name.removesuffix(provider) for name in self._zip.namelist() if name.endswith(provider)
        )

    def schema(self, used: Iterator[tuple[Kind, str]]) -> Schema:
        """The blocks of *used*; names that the provider does not have are left out."""
        schema = Schema(provider=self._block_of("provider"), resource={}, data={})
        for kind, name in used:
            module = ("data_" + name) if kind == "data" else name.removeprefix("google_")
            try:
                schema[kind][name] = self._block_of(module)
            except UnknownType:
                continue
        return schema

    def _block_of(self, name: str) -> Block:
        try:
            source = self._zip.read(f"{self._package}/{name}/__init__.py")
        except KeyError:
            raise UnknownType(name) from None
        module = _read(ast.parse(source))
        return _block(module, module.config, module.config.removesuffix("Config"))


def _read(tree: ast.Module) -> _Module:
    structs: dict[str, dict[str, _Argument]] = {}
    computed: dict[str, dict[str, str]] = {}
    config = ""
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        decorators = " ".join(map(ast.unparse, node.decorator_list))
        if "jsii.data_type" in decorators:
            is_resource = "TerraformMetaArguments" in decorators
            ignored = _META if is_resource else frozenset[str]()
            structs[node.name] = {n: a for n, a in _arguments(node) if n not in ignored}
            # The provider's own configuration is the one top struct without meta arguments.
            if is_resource or node.name == "GoogleProviderConfig":
                config = node.name
        else:
            computed[node.name] = dict(_properties(node))
    return _Module(structs=structs, computed=computed, config=config)


def _arguments(node: ast.ClassDef) -> Iterator[tuple[str, _Argument]]:
    init = next(
        (f for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"), None
    )
    if init is None:
        return
    doc = ast.get_docstring(init) or ""
    described = dict(re.findall(r"^:param (\w+): (.*)$", doc, flags=re.MULTILINE))
    for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True):
        name = _hcl_name(argument.arg)
        description = described.get(argument.arg, "")
        yield (
            name,
            _Argument(
                annotation=ast.unparse(argument.annotation) if argument.annotation else "",
                description=description,
                required=default is None,
                is_block=description.startswith(f"{name} block."),
            ),
        )


def _properties(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for function in node.body:
        if not isinstance(function, ast.FunctionDef) or function.returns is None:
            continue
        is_getter = any("property" in ast.unparse(d) for d in function.decorator_list)
        hidden = function.name.startswith("_") or function.name.endswith("_input")
        if is_getter and not hidden and function.name not in _META | _OF_REFERENCES:
            yield _hcl_name(function.name), ast.unparse(function.returns)


def _hcl_name(name: str) -> str:
    """Python's keywords carry a trailing underscore in the bindings."""
    name = name.rstrip("_")
    return _RENAMED.get(name, name)


def _block(module: _Module, struct: str, reference: str) -> Block:
    block = Block(attributes={}, block_types={})
    arguments = module.structs[struct]
    for name, argument in arguments.items():
        if argument.is_block and argument.struct in module.structs:
            block["block_types"][name] = _nested(module, name, argument)
        else:
            block["attributes"][name] = _attribute(name, argument)
    for name, annotation in module.computed.get(reference, {}).items():
        if name not in arguments:
            block["attributes"][name] = Attribute(
                type=_computed_type(annotation), description="", computed=True
            )
    return block


def _nested(module: _Module, name: str, argument: _Argument) -> NestedBlock:
    struct = argument.struct or ""
    return NestedBlock(
        nesting_mode="single" if name == "timeouts" else "list",
        block=_block(module, struct, struct + "OutputReference"),
        min_items=int(argument.required),
        max_items=0 if "Sequence" in argument.annotation else 1,
    )


def _attribute(name: str, argument: _Argument) -> Attribute:
    attribute = Attribute(
        type="dynamic" if argument.struct else _type(argument.annotation),
        description=argument.description,
    )
    if argument.required:
        attribute["required"] = True
    else:
        attribute["optional"] = True
        # The bindings do not say which optional arguments the provider fills in; all may be, but
        # for the write-only ones, which are in no state.
        attribute["computed"] = not name.endswith("_wo")
    return attribute


def _type(annotation: str) -> Type:
    if "Mapping" in annotation:
        return ["map", _scalar(annotation)]
    if "Sequence" in annotation or "List[" in annotation:
        return ["list", _scalar(annotation)]
    return _scalar(annotation)


def _scalar(annotation: str) -> Type:
    if "Number" in annotation:
        return "number"
    if "builtins.bool" in annotation:
        return "bool"
    return "string"


def _computed_type(annotation: str) -> Type:
    """Lists and maps of objects have classes of their own, too many to be worth typing."""
    if "StringMap" in annotation:
        return ["map", "string"]
    if "IResolvable" in annotation:
        return "bool"
    return _type(annotation) if "builtins" in annotation or "Number" in annotation else "dynamic"
