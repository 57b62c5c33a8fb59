"""Literals, and lists of parameters, in whichever language they are written."""

import re

from tree_sitter import Node

from autodeploy.services.analyzer.plan import VariableType
from autodeploy.services.analyzer.variables.syntax import text_of

_QUOTED = re.compile(r"[A-Za-z@#]{0,3}(\"\"\"|[\"'`])(.*)\1#{0,3}", re.S)
_LITERALS = frozenset({"number", "integer", "int_literal", "integer_literal", "float", "true",
                       "false", "boolean", "boolean_literal", "decimal_integer_literal",
                       "float_literal", "number_literal", "bool"})  # fmt: skip


def literal(node: Node) -> str | None:
    """The text of a string literal, None for anything else."""
    quoted = _QUOTED.fullmatch(text_of(node).strip())
    return quoted[2] if quoted else None


def parameters(text: str, is_name_first: bool = False) -> list[str]:
    """The names in a list of parameters, in order, whatever the language writes beside them.

    ``is_name_first``: a type without a colon stands behind the name, as in Go.
    """
    names: list[str] = []
    inside = text[text.find("(") + 1 :] if "(" in text else text
    depth, start = 0, 0
    for position, sign in enumerate(inside[:1_000]):
        if sign in ",)" and depth == 0:
            names.append(_parameter(inside[start:position], is_name_first))
            start = position + 1
            if sign == ")":
                break
        depth += (sign in "([{<") - (sign in ")]}>")
    return [name for name in names if name and name != "self"]


def _parameter(text: str, is_name_first: bool) -> str:
    """`key: &str`, `string key`, `$key = null`, `_ key: String`, `key \\\\ nil`, `const T& key`."""
    plain = re.split(r"=|\\\\", text)[0].replace("::", "")
    if ":" in plain:
        plain, is_name_first = plain.split(":")[0], False
    words = re.findall(r"\w+", plain)
    return words[0 if is_name_first else -1] if words else ""


def value(node: Node) -> str | None:
    """The text of a default that is a literal without anything put in."""
    if node.type in _LITERALS:
        return text_of(node)
    puts_in = any("interpol" in child.type or "variable" in child.type for child in node.children)
    return None if puts_in else literal(node)


def type_of(node: Node) -> VariableType | None:
    """The type of a literal that is no text."""
    if node.type not in _LITERALS:
        return None
    is_boolean = text_of(node).lower() in ("true", "false")
    return VariableType.BOOLEAN if is_boolean else VariableType.INTEGER
