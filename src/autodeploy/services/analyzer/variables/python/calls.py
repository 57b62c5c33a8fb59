"""Calls in Python of the app's own functions that read a variable which an argument names."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from autodeploy.services.analyzer.variables.python.demands import call_demand
from autodeploy.services.analyzer.variables.python.environment import Environment
from autodeploy.services.analyzer.variables.python.findings import Findings, Reader
from autodeploy.services.analyzer.variables.python.module import given, is_none
from autodeploy.services.analyzer.variables.source import field, text

_UPPER = re.compile(r"[A-Z][A-Z0-9_]*")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def calls_of(found: Findings, reader: Reader) -> None:
    """Add the variables that calls of ``reader`` in this module name, and the functions that
    hand a parameter of theirs on to it."""
    module = found.module
    is_own = module is reader.module
    if not is_own and not _is_imported(found, reader):
        return
    for call in _calls(found, reader):
        positional, named = given(call)
        key = named.get(reader.key_name)
        if key is None and len(positional) > reader.key_at:
            key = positional[reader.key_at]
        if key is None:
            continue
        default = named.get(reader.default_name or "")
        if (
            default is None
            and reader.default_at is not None
            and len(positional) > reader.default_at
        ):
            default = positional[reader.default_at]
        name = module.key(key)
        if name is None and key.type == "identifier":
            found.readers.extend(Environment(found).readers(text(key), call, default))
        elif name is not None and (_KEY if is_own else _UPPER).fullmatch(name):
            _add(found, reader, name, call, default)


def _add(found: Findings, reader: Reader, name: str, call: Node, default: Node | None) -> None:
    said = call_demand(call, default or reader.signature, found.demanded)
    # None that is given is meant: the caller does without.
    required = said.required or (reader.insists and not said.has_default and not is_none(default))
    reason = said.reason
    if required and not said.required:
        reason = f"read by {reader.name}, which fails without it,"
    found.add(
        name, call, required=required, reason=reason, default=said.default,
        has_default=said.has_default, kind=said.type,
    )  # fmt: skip


def _is_imported(found: Findings, reader: Reader) -> bool:
    """Whether the module imports the reader, or the module or class that it is of."""
    for imported in found.module.imports.values():
        if imported.name == reader.name and not reader.is_method:
            return True
        last = imported.module.rpartition(".")[2]
        if reader.module.name in (last, imported.name):
            return True
    return found.module.imports_all_of(reader.module)


def _calls(found: Findings, reader: Reader) -> Iterator[Node]:
    for node in found.module.names(reader.name):
        function = node
        if node.parent is not None and node.parent.type == "attribute":
            function = node.parent
            if field(function, "attribute") != node:
                continue
        elif reader.is_method:
            continue
        call = function.parent
        if call is not None and call.type == "call" and field(call, "function") == function:
            yield call
