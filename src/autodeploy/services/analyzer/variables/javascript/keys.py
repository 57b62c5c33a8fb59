"""Which variables an expression may name, where JavaScript reads ``process.env[expression]``."""

from collections.abc import Iterator

from tree_sitter import Node

from autodeploy.services.analyzer.variables.javascript.findings import KEY, UPPER_KEY
from autodeploy.services.analyzer.variables.javascript.script import (
    FUNCTIONS,
    Script,
    bare,
    literal,
    parameters,
)
from autodeploy.services.analyzer.variables.source import ancestors, field, text

_DEEPEST = 6


def key_of(script: Script, node: Node) -> str | None:
    """The one name that an expression is: written out, or a constant of the file."""
    node = bare(node)
    found = literal(node)
    if found is None and node.type == "identifier":
        found = literal(script.value_of(text(node)))
    return found if found is not None and KEY.fullmatch(found) else None


def keys_among(script: Script, node: Node) -> Iterator[Node]:
    """The strings that an expression runs through or is chosen from, as nodes.

    ``for (name of [..])``, ``[..].every(name => …)``, ``entry.flag`` with ``flag: "KEY"`` in the
    file, ``NAMES[kind]`` with a table of names.
    """
    for one in _among(script, node, 0):
        found = literal(one)
        if found is not None and UPPER_KEY.fullmatch(found):
            yield one


def _among(script: Script, node: Node | None, depth: int) -> Iterator[Node]:
    if node is None or depth > _DEEPEST:
        return
    node = bare(node)
    if node.type in ("string", "template_string"):
        yield node
    elif node.type == "identifier":
        name = text(node)
        source = _run_through(node, name)
        if source is None and not _is_parameter(node, name):
            source = script.value_of(name)
        yield from _among(script, source, depth + 1)
    elif node.type == "array":
        for one in node.named_children:
            yield from _among(script, one, depth + 1)
    elif node.type == "object":
        for pair in node.named_children:
            yield from _among(script, field(pair, "value"), depth + 1)
    elif node.type == "ternary_expression":
        yield from _among(script, field(node, "consequence"), depth + 1)
        yield from _among(script, field(node, "alternative"), depth + 1)
    elif node.type == "subscript_expression":
        yield from _among(script, field(node, "object"), depth + 1)
    elif node.type == "member_expression":
        yield from _members(script, node, depth)
    elif node.type == "call_expression":  # Object.values(NAMES), NAMES.filter(…)
        function = field(node, "function")
        held = field(node, "arguments") if text(function).startswith("Object.") else None
        inner = held.named_children[0] if held is not None and held.named_children else None
        yield from _among(script, inner or field(function, "object"), depth + 1)


def _members(script: Script, node: Node, depth: int) -> Iterator[Node]:
    """What pairs of this name hold: ``entry.flag`` is each ``flag: "KEY"``."""
    name = text(field(node, "property"))
    for one in script.names(name):
        pair = one.parent
        if pair is not None and pair.type == "pair" and field(pair, "key") == one:
            value = field(pair, "value")
            if value is not None and bare(value).type in ("string", "array"):
                yield from _among(script, value, depth + 1)


def _run_through(node: Node, name: str) -> Node | None:
    """What a loop, or a function called for each element, takes ``name`` from."""
    for outer in ancestors(node):
        if outer.type == "for_in_statement" and text(field(outer, "left")) == name:
            return field(outer, "right")
        if outer.type in FUNCTIONS and name in [one for one, _ in parameters(outer)[:1]]:
            call = outer.parent.parent if outer.parent is not None else None
            return field(field(call, "function"), "object")
    return None


def _is_parameter(node: Node, name: str) -> bool:
    return any(
        name in [one for one, _ in parameters(outer)]
        for outer in ancestors(node)
        if outer.type in FUNCTIONS
    )
