"""A module of Python: what its names stand for.

The grammar reads versions of Python that this interpreter does not know, and broken files.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tree_sitter import Node

from autodeploy.services.analyzer.evidence import clean
from autodeploy.services.analyzer.variables.source import Source, ancestors, around, field, text

_IMPORT = re.compile(rb"import(?!\w)")


@dataclass(frozen=True)
class Imported:
    """``name`` of ``module``; "" when the module itself is imported."""

    module: str
    name: str


class Module(Source):
    def __init__(self, path: str, content: str):
        super().__init__(path, content, "python")
        self._values: dict[str, Node | None] = {}

    @cached_property
    def name(self) -> str:
        """By what others import it: the last part of its dotted name."""
        stem = self.path.removesuffix(".py")
        return stem.removesuffix("/__init__").rpartition("/")[2]

    @cached_property
    def imports(self) -> dict[str, Imported]:
        found: dict[str, Imported] = {}
        for node in self.nodes(_IMPORT):
            statement = node.parent
            if statement is not None and node.type == "import":
                found.update(_imported(statement))
        return found

    def imports_all_of(self, other: "Module") -> bool:
        return f"{other.name} import *".encode() in self.bytes

    def local_names(self, module: str, name: str = "") -> list[str]:
        """The names here that stand for ``name`` of a module, or for the module."""
        wanted = Imported(module, name)
        return [local for local, imported in self.imports.items() if imported == wanted]

    def value_of(self, name: str) -> Node | None:
        """What a name is first assigned in this module."""
        if name not in self._values:
            self._values[name] = self._value_of(name)
        return self._values[name]

    def _value_of(self, name: str) -> Node | None:
        for node in self.names(name):
            holder = node.parent
            if holder is not None and holder.type == "assignment" and field(holder, "left") == node:
                return field(holder, "right")
        return None

    def string(self, node: Node | None) -> str | None:
        """The text of a string, or of a constant of this module that is one."""
        if node is not None and node.type == "identifier":
            node = self.value_of(text(node))
        return literal(node)

    def key(self, node: Node | None) -> str | None:
        """The name that an expression gives: written out, a constant, or joined of these."""
        found = self.string(node)
        if found is not None or node is None:
            return found
        if node.type == "binary_operator" and text(field(node, "operator")) == "+":
            parts = [self.string(field(node, "left")), self.string(field(node, "right"))]
        elif node.type == "string":
            parts = [
                self.string(one.named_children[0]) if one.type == "interpolation" else text(one)
                for one in node.named_children
                if one.type == "string_content" or len(one.named_children) == 1
            ]
        else:
            return None
        # Such a name is certain where it is a prefix and a rest, each a word of its own.
        whole = [part for part in parts if part is not None]
        if len(whole) != len(parts) or len(parts) != 2 or not whole[0].endswith("_"):
            return None
        return "".join(whole)


def literal(node: Node | None) -> str | None:
    """The text of a string without interpolation, else None."""
    while node is not None and node.type == "parenthesized_expression" and node.named_children:
        node = node.named_children[0]
    if node is None:
        return None
    if node.type == "concatenated_string":
        parts = [literal(one) for one in node.named_children]
        return None if None in parts else "".join(part or "" for part in parts)
    if node.type != "string" or any(one.type == "interpolation" for one in node.named_children):
        return None
    content = "".join(text(one) for one in node.named_children if one.type == "string_content")
    return _unescaped(text(node), content) if "\\" in content else content


def _unescaped(written: str, content: str) -> str:
    try:
        found = ast.literal_eval(written)
    except (SyntaxError, ValueError, MemoryError):
        return content
    return found if isinstance(found, str) else content


def plain(node: Node | None) -> str | None:
    """A default as people write it: a string, number or truth value, else None."""
    found = literal(node)
    if found is not None:
        return clean(found)
    return (
        text(node)
        if node is not None and node.type in ("integer", "float", "true", "false")
        else None
    )


def is_none(node: Node | None) -> bool:
    return node is not None and node.type == "none"


def given(call: Node) -> tuple[list[Node], dict[str, Node]]:
    """The positional and the named arguments of a call (or the bases of a class)."""
    held = field(call, "arguments") or field(call, "superclasses")
    positional, named = [], {}
    for node in held.named_children if held is not None else ():
        value = field(node, "value")
        if node.type == "keyword_argument" and value is not None:
            named[text(field(node, "name"))] = value
        elif node.type not in ("comment", "list_splat", "dictionary_splat", "keyword_argument"):
            positional.append(node)
    return positional, named


def parameters(function: Node) -> list[tuple[str, Node | None]]:
    """The names of a function's parameters, each with its default value."""
    held = field(function, "parameters")
    found: list[tuple[str, Node | None]] = []
    for node in held.named_children if held is not None else ():
        if node.type == "identifier":
            found.append((text(node), None))
        elif node.type == "typed_parameter" and node.named_children:
            found.append((text(node.named_children[0]), None))
        elif node.type in ("default_parameter", "typed_default_parameter"):
            found.append((text(field(node, "name")), field(node, "value")))
    return found


def functions_around(node: Node) -> Iterator[Node]:
    return (one for one in ancestors(node) if one.type == "function_definition")


def scope_of(node: Node) -> Node:
    """The function, class or module in which a name that is bound at ``node`` is known."""
    found = around(node, "function_definition", "lambda", "module")
    return found if found is not None else node


def _imported(statement: Node) -> Iterator[tuple[str, Imported]]:
    module = text(field(statement, "module_name"))
    for node in statement.children_by_field_name("name"):
        alias = text(field(node, "alias"))
        name = text(field(node, "name")) if node.type == "aliased_import" else text(node)
        if statement.type == "import_from_statement":
            yield alias or name, Imported(module, name)
        else:
            yield alias or name, Imported(name, "")
