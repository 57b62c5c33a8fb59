"""Whether JavaScript fails without a value at the place where it is read, or has a default."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from autodeploy.services.analyzer.evidence import clean
from autodeploy.services.analyzer.plan import VariableType
from autodeploy.services.analyzer.variables.demand import Demand
from autodeploy.services.analyzer.variables.javascript.script import (
    FUNCTIONS,
    Script,
    arguments,
    bare,
    literal,
    scope_of,
    stands_for,
)
from autodeploy.services.analyzer.variables.source import ancestors, around, field, text

INSISTS = re.compile(
    r"^(tiny)?(invariant|assert\w*|must\w*|required?\w*|ensure\w*|nonNull\w*)$", re.I
)
_FAILS = re.compile(r"throw|raise|fail|error|panic|missing|exit", re.I)

# `if (!a || !b) throw`, `if (!a) { … process.exit`, `invariant(a`: each within a bounded stretch.
_GUARD = re.compile(
    rb"if\s*\(([^{};]{1,400}?)\)\s*\{?\s*(?:console\.\w+\([^;{}]{0,300}?\);?\s*|log\w*\.\w+\([^;{}]{0,300}?\);?\s*)?"
    rb"(?:throw\b|process\.exit|Deno\.exit)"
)
_ASSERTED = re.compile(rb"(?:invariant|assert(?:\.ok)?)\(\s*([\w.$?]{1,200})\s*[,)]")
_ABSENT = re.compile(
    rb"!\s*([\w.$?]+)|([\w.$?]+)\s*={2,3}\s*(?:undefined|null|''|\"\")|typeof\s+([\w.$?]+)\s*={2,3}\s*['\"]undefined"
)
_ENDS_MEMBER = (b".trim", b".length")

REQUIRED = "read without a default, and it fails without it"
OPTIONAL = "read, and nothing fails at once without it"

_CONVERSIONS = {
    "Number": VariableType.INTEGER,
    "parseInt": VariableType.INTEGER,
    "Number.parseInt": VariableType.INTEGER,
    "Boolean": VariableType.BOOLEAN,
}


# Code below these may not be run when its file is loaded.
_NOT_AT_START = FUNCTIONS | {
    "if_statement", "ternary_expression", "try_statement", "switch_statement", "class_body",
}  # fmt: skip


def demanded_names(script: Script, *, at_start: bool = False) -> frozenset[str]:
    """The expressions without whose value the file throws or ends the process; ``at_start``: as
    soon as it is loaded."""
    found = {one.group(1) for one in _guards(script, _ASSERTED, at_start)}
    for guard in _guards(script, _GUARD, at_start):
        if b"&&" in guard.group(1):
            continue
        for absent in _ABSENT.finditer(guard.group(1)):
            name = next(one for one in absent.groups() if one)
            for end in _ENDS_MEMBER:
                name = name.removesuffix(end)
            found.add(name)
    return frozenset(name.replace(b"?.", b".").decode("utf-8", "replace") for name in found)


def _guards(
    script: Script, pattern: re.Pattern[bytes], at_start: bool
) -> Iterator[re.Match[bytes]]:
    for guard in script.matches(pattern):
        before = script.bytes[max(guard.start() - 1, 0) : guard.start()]
        if not at_start or before in (b"", b"\n"):
            yield guard


def runs_at_start(node: Node) -> bool:
    """Whether ``node`` is evaluated whenever its file is loaded."""
    child = node
    for one in ancestors(node):
        if one.type in _NOT_AT_START and field(one, "condition") != child:
            return False
        child = one
    return True


def demand(
    script: Script, node: Node, demanded: frozenset[str], at_start: frozenset[str]
) -> Demand:
    """What the code around ``node``, a read, says of it.

    Args:
        demanded: the names without whose value the file fails; ``at_start`` as it is loaded.
    """
    whole = stands_for(node)
    parent = whole.parent
    kind = conversion(parent)
    if kind and parent is not None and parent.parent is not None:
        whole = stands_for(parent.parent)
        parent = whole.parent
    fallback = _fallback(whole, parent)
    if fallback is not None:
        fails = fallback.type == "call_expression" and _FAILS.search(
            text(field(fallback, "function"))
        )
        if fails:
            return Demand(True, REQUIRED, type=kind, at_start=runs_at_start(node))
        if fallback.type in ("undefined", "null"):
            return Demand(False, "may be left out", type=kind)
        return Demand(False, "has a default", plain(fallback), True, kind or type_of(fallback))
    if _is_insisted_on(node, parent) or _is_named(whole, parent, at_start):
        return Demand(True, REQUIRED, type=kind, at_start=runs_at_start(node))
    if _is_asserted(node) or _is_named(whole, parent, demanded):
        return Demand(True, REQUIRED, type=kind)
    return Demand(False, OPTIONAL, type=kind)


def conversion(parent: Node | None) -> VariableType | None:
    """The type that a call around a value turns it into."""
    call = parent.parent if parent is not None and parent.type == "arguments" else None
    return _CONVERSIONS.get(text(field(call, "function"))) if call is not None else None


def plain(node: Node | None) -> str | None:
    """A default as people write it: a string, number or boolean, else None."""
    if node is None:
        return None
    node = bare(node)
    found = literal(node)
    if found is not None:
        return clean(found)
    return text(node) if node.type in ("number", "true", "false") else None


def type_of(node: Node) -> VariableType | None:
    node = bare(node)
    if node.type in ("true", "false"):
        return VariableType.BOOLEAN
    return VariableType.INTEGER if re.fullmatch(r"\d+", text(node)) else None


def _fallback(node: Node, parent: Node | None) -> Node | None:
    """What stands in when the value is absent: behind ``||``, ``??`` or ``??=``."""
    if parent is None or field(parent, "left") != node:
        return None
    operator = text(field(parent, "operator"))
    if operator in ("||", "??", "||=", "??="):
        right = field(parent, "right")
        return None if right is None else bare(right)
    return None


def _is_asserted(node: Node) -> bool:
    """``x!``, which nothing checks when it runs."""
    return node.parent is not None and node.parent.type == "non_null_expression"


def _is_insisted_on(node: Node, parent: Node | None) -> bool:
    """The first argument of what insists: ``invariant(x)``."""
    if parent is None or parent.type != "arguments" or parent.parent is None:
        return False
    called = text(field(parent.parent, "function")).rpartition(".")[2]
    given = arguments(parent.parent)
    return bool(INSISTS.match(called)) and bool(given) and bare(given[0]) == bare(node)


def _is_named(node: Node, parent: Node | None, demanded: frozenset[str]) -> bool:
    if text(node).replace("?.", ".") in demanded:
        return True
    if parent is not None and parent.type == "variable_declarator":
        return text(field(parent, "name")) in demanded
    if parent is not None and parent.type == "unary_expression":
        return text(node) in demanded
    return False


def fails_around(node: Node) -> bool:
    """Whether the loop or function that runs through the keys throws when one is absent."""
    outer = around(node, "for_in_statement", "call_expression")
    while outer is not None and outer.type == "call_expression":
        holder = outer.parent
        if holder is None:
            return False
        if holder.type == "expression_statement":
            break
        if holder.type == "variable_declarator":
            name = text(field(holder, "name"))
            scope = text(scope_of(holder))
            return bool(
                re.search(
                    rf"if\s*\(\s*!?{re.escape(name)}\b[^{{}}]{{0,80}}\)\s*\{{?[^{{}}]{{0,300}}(throw|exit)",
                    scope,
                )
            )
        outer = around(outer, "for_in_statement", "call_expression", "expression_statement")
    whole = text(outer)
    return "throw" in whole or "process.exit" in whole
