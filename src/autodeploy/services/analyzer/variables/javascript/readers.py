"""Functions of an app that read the variable which a parameter of theirs names."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from autodeploy.services.analyzer.variables.javascript.findings import Reader
from autodeploy.services.analyzer.variables.javascript.script import (
    FUNCTIONS,
    Script,
    function_name,
    parameters,
    stands_for,
)
from autodeploy.services.analyzer.variables.source import ancestors

_DEFAULT = re.compile(r"default|fallback|def$|alt", re.I)
_MEMBERS = ("pair", "public_field_definition", "field_definition")


def readers_around(script: Script, name: str, node: Node) -> Iterator[Reader]:
    """The function around ``node``, a read, whose parameter ``name`` is the key."""
    for function in ancestors(node):
        names = [one for one, _ in parameters(function)] if function.type in FUNCTIONS else []
        if name not in names:
            continue
        called = function_name(function)
        if called is not None and called != "constructor":
            key_at = names.index(name)
            holder = stands_for(function).parent
            is_method = function.type == "method_definition" or (
                holder is not None and holder.type in _MEMBERS
            )
            insists = b"throw" in (function.text or b"")
            default_at = _default_at(names, key_at)
            yield Reader(called, script, key_at, default_at, insists, is_method)
        return


def _default_at(names: list[str], key_at: int) -> int | None:
    for index, name in enumerate(names):
        if index != key_at and _DEFAULT.search(name):
            return index
    return None
