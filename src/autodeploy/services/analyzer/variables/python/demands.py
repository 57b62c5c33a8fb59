"""Whether Python fails without a value at the place where it is read, or has a default."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from autodeploy.services.analyzer.plan import VariableType
from autodeploy.services.analyzer.variables.demand import Demand
from autodeploy.services.analyzer.variables.python.module import Module, is_none, plain
from autodeploy.services.analyzer.variables.source import ancestors, field, text

_GUARD = re.compile(
    rb"if ([^\n]{1,300}):\s*(?:[\w.]{1,60}\([^\n]{0,300}\)\s*)?(?:raise|sys\.exit|exit|quit)(?!\w)"
)
_ASSERT = re.compile(rb"assert\s+([\w.]{1,200})\s*(?:[,\n]|is not None)")
_ABSENT = re.compile(rb"not ([\w.]+)|([\w.]+) is None|([\w.]+) == ['\"]{2}")

CONVERSIONS = {
    "int": VariableType.INTEGER,
    "float": None,
    "bool": VariableType.BOOLEAN,
    "strtobool": VariableType.BOOLEAN,
}


# Code below these may not be run when its module is loaded.
_WHEN_CALLED = frozenset({"function_definition", "lambda"})
_IN_ONE_CASE = frozenset({"if_statement", "conditional_expression", "try_statement"})
_MAIN = re.compile(r"__name__\s*==\s*['\"]__main__['\"]")


def demanded_names(module: Module, *, at_start: bool = False) -> frozenset[str]:
    """The names without whose value the module raises or exits; ``at_start``: as it is loaded."""
    found = {one.group(1) for one in _guards(module, _ASSERT, at_start)}
    for guard in _guards(module, _GUARD, at_start):
        if b" and " in guard.group(1):
            continue
        for absent in _ABSENT.finditer(guard.group(1)):
            found.add(next(one for one in absent.groups() if one))
    return frozenset(name.decode("utf-8", "replace") for name in found)


def _guards(
    module: Module, pattern: re.Pattern[bytes], at_start: bool
) -> Iterator[re.Match[bytes]]:
    for guard in module.matches(pattern):
        if (
            not at_start
            or guard.start() == 0
            or module.bytes[guard.start() - 1 : guard.start()] == b"\n"
        ):
            yield guard


def runs_at_start(node: Node) -> bool:
    """Whether ``node`` is evaluated whenever its module is loaded."""
    child = node
    for one in ancestors(node):
        if one.type in _WHEN_CALLED:
            return False
        test = field(one, "condition")
        if one.type in _IN_ONE_CASE and test != child and not _MAIN.search(text(test)):
            return False
        child = one
    return True


def subscript_demand(node: Node, key: str) -> Demand:
    """What is said of ``environ[key]``, which raises when there is none."""
    kind = conversion(node)
    if _is_caught(node):
        return Demand(False, "its absence is handled where it is read", type=kind)
    if _is_guarded(node, key):
        return Demand(False, "read only where it is set", type=kind)
    return Demand(True, "read without a default", type=kind)


def call_demand(node: Node, default: Node | None, demanded: frozenset[str]) -> Demand:
    """What is said of a call that gives None, or its default, when there is no value."""
    kind = conversion(node)
    if default is not None and not is_none(default):
        return Demand(False, "has a default", plain(default), True, kind or type_of(default))
    other = _alternative(node)
    if other is not None and not is_none(other):
        return Demand(False, "has a default", plain(other), True, kind or type_of(other))
    if _fails(node, demanded):
        return Demand(True, "read without a default, and it fails without it", type=kind)
    return Demand(False, "read, and nothing fails at once without it", type=kind)


def conversion(node: Node) -> VariableType | None:
    """The type that a call around a value turns it into."""
    call = (
        node.parent.parent
        if node.parent is not None and node.parent.type == "argument_list"
        else None
    )
    function = field(call, "function")
    return CONVERSIONS.get(text(function).rpartition(".")[2]) if function is not None else None


def type_of(node: Node | None) -> VariableType | None:
    if node is None:
        return None
    if node.type in ("true", "false"):
        return VariableType.BOOLEAN
    return VariableType.INTEGER if node.type == "integer" else None


def _fails(node: Node, demanded: frozenset[str]) -> bool:
    """Whether None is used at once, converted, or refused later."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type == "attribute":
        return True
    if parent.type == "argument_list":
        return text(field(parent.parent, "function")) in ("int", "float")
    if parent.type in ("assignment", "named_expression"):
        return text(field(parent, "left") or field(parent, "name")) in demanded
    return False


def _alternative(node: Node) -> Node | None:
    """What stands after ``or``: ``os.getenv("X") or "fallback"``."""
    parent = node.parent
    if parent is None or parent.type != "boolean_operator" or field(parent, "left") != node:
        return None
    return field(parent, "right") if text(field(parent, "operator")) == "or" else None


def _is_caught(node: Node) -> bool:
    child = node
    for parent in ancestors(node):
        if parent.type == "function_definition":
            return False
        if parent.type == "try_statement" and field(parent, "body") == child:
            caught = [
                text(one).split(":")[0] for one in parent.children if one.type == "except_clause"
            ]
            if any(re.search(r"KeyError|Exception|except\s*$|LookupError", one) for one in caught):
                return True
        child = parent
    return False


def _is_guarded(node: Node, key: str) -> bool:
    for parent in ancestors(node):
        if parent.type in ("if_statement", "conditional_expression"):
            condition = field(parent, "condition") or parent
            asked = text(condition)[:1_000]
            if re.search(
                rf"{re.escape(key)}\W{{0,3}}\s+in\b|get\w*\(\s*\W?{re.escape(key)}\b", asked
            ):
                return True
    return False
