"""What a provider accepts, in the format of ``terraform providers schema -json``.

https://developer.hashicorp.com/terraform/cli/commands/providers/schema
"""

import re
from typing import Any, Literal, NotRequired, TypedDict

# cty's JSON notation: "string", ["list", "string"], ["map", "string"], "dynamic", ...
Type = Any
Kind = Literal["resource", "data"]


class Attribute(TypedDict):
    """An argument, or a value that the provider computes."""

    type: Type
    description: str
    required: NotRequired[bool]
    optional: NotRequired[bool]
    computed: NotRequired[bool]


class NestedBlock(TypedDict):
    """A block type; ``max_items`` 0 means any number."""

    nesting_mode: Literal["list", "single"]
    block: "Block"
    min_items: int
    max_items: int


class Block(TypedDict):
    """The body of a resource, a data source, the provider or a nested block."""

    attributes: dict[str, Attribute]
    block_types: dict[str, NestedBlock]


class Schema(TypedDict):
    """The part of a provider that a configuration uses."""

    provider: Block
    resource: dict[str, Block]
    data: dict[str, Block]


_POSSIBLE = re.compile(r"Possible values: \[([^]]*)\]")


def possible_values(attribute: Attribute) -> frozenset[str]:
    """The values that the provider's documentation allows; empty when it names none.

    >>> sorted(possible_values({"type": "string", "description": 'Possible values: ["A", "B"] x'}))
    ['A', 'B']
    """
    found = _POSSIBLE.search(attribute["description"])
    return frozenset(re.findall(r'"([^"]*)"', found[1])) if found else frozenset()
