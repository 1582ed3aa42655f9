"""Every resource and data block of a configuration against the provider's schema.

What ``terraform validate`` would say, without Terraform: unknown arguments, arguments written as
blocks and the other way round, missing ones, too many blocks, wrong literals. It also holds
literals against the values that the documentation allows, which only the live API would refuse.
"""

from collections.abc import Iterator
from typing import Any

from tools.terraform.configuration import Body, Configuration, blocks, is_expression, said
from tools.terraform.schema import Attribute, Block, NestedBlock, Schema, possible_values

# Terraform's own arguments. https://developer.hashicorp.com/terraform/language/meta-arguments
_META = frozenset(
    {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"}
)


def complaints(configuration: Configuration, schema: Schema) -> list[str]:
    """One sentence for each thing that the provider would refuse."""
    found: list[str] = []
    for declared in configuration.declared():
        where = f"{declared.file}: {declared.address}"
        block = schema[declared.kind].get(declared.type)
        if block is None:
            found.append(f"{where}: the provider has no {declared.kind} {declared.type}")
            continue
        body = {key: value for key, value in said(declared.body).items() if key not in _META}
        found += _in_body(body, block, where)
    return found


def _in_body(body: Body, block: Block, where: str) -> Iterator[str]:
    given = {key: value for key, value in said(body).items() if key != "dynamic"}
    dynamic = dict(_dynamic_blocks(body))
    for name, value in given.items():
        place = f"{where}.{name}"
        if name in block["attributes"]:
            yield from _in_attribute(value, block["attributes"][name], place)
        elif name in block["block_types"]:
            yield from _in_blocks(value, block["block_types"][name], place)
        else:
            yield f"{where}: no argument or block is called {name}"
    for name, contents in dynamic.items():
        if name not in block["block_types"]:
            yield f"{where}: no block is called {name}"
            continue
        for content in contents:
            yield from _in_body(content, block["block_types"][name]["block"], f"{where}.{name}")
    yield from _missing(given.keys() | dynamic.keys(), block, where)


def _dynamic_blocks(body: Body) -> Iterator[tuple[str, list[Body]]]:
    for entry in body.get("dynamic", []):
        for name, dynamic in said(entry).items():
            yield name, dynamic["content"]


def _in_attribute(value: Any, attribute: Attribute, where: str) -> Iterator[str]:
    if blocks(value) is not None:
        yield f"{where}: is an argument, not a block: write {where.rsplit('.', 1)[-1]} = ..."
    elif not (attribute.get("required") or attribute.get("optional")):
        yield f"{where}: is computed by the provider and cannot be set"
    elif not is_expression(value):
        yield from _in_literal(value, attribute, where)


def _in_literal(value: Any, attribute: Attribute, where: str) -> Iterator[str]:
    kind = attribute["type"]
    if value is None or kind == "dynamic":
        return
    if kind == "number" and (isinstance(value, bool) or not _is_number(value)):
        yield f"{where}: expected a number, got {value!r}"
    elif kind == "bool" and str(value).lower() not in {"true", "false"}:
        yield f"{where}: expected true or false, got {value!r}"
    elif isinstance(kind, list) and kind[0] == "list" and not isinstance(value, list):
        yield f"{where}: expected a list, got {value!r}"
    elif isinstance(kind, list) and kind[0] == "map" and not isinstance(value, dict):
        yield f"{where}: expected a map, got {value!r}"
    elif kind == "string" and isinstance(value, list | dict):
        yield f"{where}: expected a string, got {value!r}"
    elif kind == "string" and (allowed := possible_values(attribute)) and str(value) not in allowed:
        yield f"{where}: {value!r} is none of {', '.join(sorted(allowed))}"


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _in_blocks(value: Any, nested: NestedBlock, where: str) -> Iterator[str]:
    bodies = blocks(value)
    if bodies is None:
        yield f"{where}: is a block, not an argument: write {where.rsplit('.', 1)[-1]} {{ ... }}"
        return
    if nested["max_items"] and len(bodies) > nested["max_items"]:
        yield f"{where}: at most {nested['max_items']} block, got {len(bodies)}"
    for body in bodies:
        yield from _in_body(body, nested["block"], where)


def _missing(given: set[str], block: Block, where: str) -> Iterator[str]:
    for name, attribute in block["attributes"].items():
        if attribute.get("required") and name not in given:
            yield f"{where}: the argument {name} is missing"
    for name, nested in block["block_types"].items():
        if nested["min_items"] and name not in given:
            yield f"{where}: the block {name} is missing"
