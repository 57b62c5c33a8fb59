"""A file of JavaScript or TypeScript: what its names stand for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tree_sitter import Node

from autodeploy.services.analyzer.variables.reads import places
from autodeploy.services.analyzer.variables.source import Source, around, field, text

COMPONENTS = (".vue", ".svelte", ".astro")

_IMPORT = re.compile(rb"import(?![\w$])")
_EXTENSION = re.compile(r"(/index)?\.(d\.)?[cm]?[jt]sx?$|\.(vue|svelte|astro)$")

# Bounded, so that many open braces take no square of time.
_EXPRESSION = re.compile(r"\{[^{}]{0,200}?\benv\.[^{}]{0,200}\}")

WRAPPERS = frozenset(
    {"parenthesized_expression", "non_null_expression", "as_expression", "satisfies_expression",
     "type_assertion", "await_expression"}
)  # fmt: skip
FUNCTIONS = frozenset(
    {"function_declaration", "function_expression", "arrow_function", "method_definition",
     "generator_function_declaration"}
)  # fmt: skip
_SCOPES = frozenset({"program", "statement_block", *FUNCTIONS})


@dataclass(frozen=True)
class Imported:
    """``name`` is what the module calls it; ``*`` the whole module."""

    module: str
    name: str
    node: Node


class Script(Source):
    def __init__(self, path: str, content: str):
        if path.endswith(COMPONENTS):
            content = _code_alone(content, markup=not path.endswith(".vue"))
        # A type in angle brackets (<T>x) is what only .ts files have, and JSX what they have not.
        plain = path.endswith((".ts", ".mts", ".cts", ".vue", ".svelte", ".astro"))
        super().__init__(path, content, "typescript" if plain else "tsx")
        self._values: dict[str, Node | None] = {}
        self._functions: dict[str, Node | None] = {}

    @cached_property
    def stem(self) -> str:
        return _EXTENSION.sub("", self.path)

    @cached_property
    def imports(self) -> dict[str, Imported]:
        """What each imported name is, by import statements and by ``require``."""
        found: dict[str, Imported] = {}
        for node in self.nodes(_IMPORT):
            statement = node.parent
            if statement is not None and statement.type == "import_statement":
                found.update(_imported(statement))
        for node in self.names("require"):
            call = node.parent
            if call is not None and call.type == "call_expression":
                found.update(_required(call))
        return found

    def local_name(self, *modules: str, name: str | None = None) -> list[str]:
        """The names here that stand for something of these modules (for ``name`` of them)."""
        return [
            local
            for local, imported in self.imports.items()
            if imported.module in modules and name in (None, imported.name)
        ]

    def value_of(self, name: str) -> Node | None:
        """What ``name`` is declared to be in this file: a value or a class."""
        if name not in self._values:
            self._values[name] = self._value_of(name)
        return self._values[name]

    def _value_of(self, name: str) -> Node | None:
        for node in self.names(name):
            parent = node.parent
            if parent is None or field(parent, "name") != node:
                continue
            if parent.type == "variable_declarator":
                return field(parent, "value")
            if parent.type in ("class_declaration", "abstract_class_declaration"):
                return parent
        return None

    def function(self, name: str) -> Node | None:
        """The function of this file that is called by this name."""
        if name not in self._functions:
            self._functions[name] = self._function(name)
        return self._functions[name]

    def _function(self, name: str) -> Node | None:
        for node in self.names(name):
            parent = node.parent
            if parent is None or field(parent, "name") != node:
                continue
            value = parent if parent.type in FUNCTIONS else field(parent, "value")
            if value is not None and value.type in FUNCTIONS:
                return value
        return None


def stands_for(node: Node) -> Node:
    """The expression that ``node`` is, with the parentheses and types around it."""
    parent = node.parent
    while parent is not None and parent.type in WRAPPERS:
        node, parent = parent, parent.parent
    return node


def bare(node: Node) -> Node:
    """The expression inside parentheses and types."""
    while node.type in WRAPPERS and node.named_children:
        node = node.named_children[0]
    return node


def is_choice(node: Node, one: Node) -> bool:
    """``flag ? one : {}`` or ``one || {}``."""
    if node.type == "ternary_expression":
        return field(node, "condition") != one
    return node.type == "binary_expression" and text(field(node, "operator")) in ("||", "??")


def is_written(node: Node) -> bool:
    whole = stands_for(node)
    parent = whole.parent
    if parent is None:
        return False
    if parent.type == "assignment_expression":
        return field(parent, "left") == whole
    return parent.type == "unary_expression" and text(field(parent, "operator")) == "delete"


def statement_of(node: Node) -> Node | None:
    """The declaration or pair of which a read is the point; None where it is a part of more."""
    holder = around(node, "lexical_declaration", "pair", "statement_block", "program", "arguments",
                    "public_field_definition", "variable_declaration")  # fmt: skip
    if holder is None or holder.type in ("statement_block", "program", "arguments"):
        return None
    return holder


def scope_of(node: Node) -> Node:
    """The block in which a name declared at ``node`` is known."""
    found = around(node, *_SCOPES)
    return found if found is not None else node


def literal(node: Node | None) -> str | None:
    """The text of a string that is written out, else None."""
    if node is None:
        return None
    node = bare(node)
    if node.type == "string":
        return text(node)[1:-1]
    if node.type == "template_string" and all(
        child.type != "template_substitution" for child in node.named_children
    ):
        return text(node)[1:-1]
    return None


def property_name(node: Node) -> str | None:
    """The key of a pair, method or shorthand of an object."""
    key = field(node, "key") or field(node, "name") or node
    if key.type in ("property_identifier", "shorthand_property_identifier", "identifier",
                    "shorthand_property_identifier_pattern"):  # fmt: skip
        return text(key)
    return text(key)[1:-1] if key.type == "string" else None


def arguments(call: Node) -> list[Node]:
    given = field(call, "arguments")
    if given is None or given.type != "arguments":
        return []
    return [node for node in given.named_children if node.type != "comment"]


def parameters(function: Node) -> list[tuple[str, Node]]:
    """The names of a function's parameters with their nodes; "" for a pattern."""
    single = field(function, "parameter")
    if single is not None:
        return [(text(single), single)]
    given = field(function, "parameters")
    found = []
    for node in given.named_children if given is not None else ():
        if node.type == "comment":
            continue
        pattern = field(node, "pattern") or field(node, "left") or node
        found.append((text(pattern) if pattern.type == "identifier" else "", node))
    return found


def function_name(function: Node) -> str | None:
    """By which name a function is called, where it has one."""
    named = field(function, "name")
    if named is not None:
        return text(named)
    holder = stands_for(function).parent
    # const read = cache((key) => …)
    if holder is not None and holder.type == "arguments" and holder.parent is not None:
        holder = stands_for(holder.parent).parent
    if holder is None:
        return None
    if holder.type in ("variable_declarator", "public_field_definition", "field_definition"):
        return text(field(holder, "name") or field(holder, "property"))
    if holder.type == "pair":
        return property_name(holder)
    if holder.type == "assignment_expression":
        left = field(holder, "left")
        return text(field(left, "property") or left)
    return None


def _imported(statement: Node) -> Iterator[tuple[str, Imported]]:
    module = literal(field(statement, "source"))
    clause = next((c for c in statement.named_children if c.type == "import_clause"), None)
    if module is None or clause is None:
        return
    for node in clause.named_children:
        if node.type == "identifier":
            yield text(node), Imported(module, "default", node)
        elif node.type == "namespace_import":
            yield text(node.named_children[-1]), Imported(module, "*", node)
        for one in node.named_children if node.type == "named_imports" else ():
            if one.type == "import_specifier":
                local = field(one, "alias") or field(one, "name")
                yield text(local), Imported(module, text(field(one, "name")), one)


def _required(call: Node) -> Iterator[tuple[str, Imported]]:
    given = arguments(call)
    module = literal(given[0]) if given else None
    holder = stands_for(call).parent
    if module is None or holder is None or holder.type != "variable_declarator":
        return
    target = field(holder, "name")
    if target is None or target.type == "identifier":
        yield text(target), Imported(module, "*", call)
        return
    for node in target.named_children:
        if node.type == "shorthand_property_identifier_pattern":
            yield text(node), Imported(module, text(node), node)
        elif node.type == "pair_pattern":
            yield text(field(node, "value")), Imported(module, property_name(node) or "", node)


def _code_alone(content: str, markup: bool) -> str:
    """A component with all but its code blanked, so that lines stay those of the file."""
    parts, position = [], 0
    for start, end in _merged([*_scripts(content), *(_expressions(content) if markup else ())]):
        parts.append(re.sub(r"[^\n]", " ", content[position:start]))
        parts.append(content[start:end])
        position = end
    return "".join(parts)


def _scripts(content: str) -> Iterator[tuple[int, int]]:
    """Where the script elements of a component are, and the code fence that Astro begins with."""
    position = 0
    if content.startswith("---\n") and (end := content.find("\n---", 3)) > 0:
        yield 4, end
        position = end
    while (tag := content.find("<script", position)) >= 0:
        start, position = content.find(">", tag) + 1, content.find("</script", tag)
        if start == 0 or position < 0:
            return
        yield start, max(start, position)


def _expressions(content: str) -> Iterator[tuple[int, int]]:
    """Where ``{…}`` in the markup of Svelte and Astro speaks of an environment: as a block it is
    code by itself."""
    if "env." in content:
        for found in places(_EXPRESSION, content):
            yield found.span()


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The spans in their order, without those that begin inside an earlier one."""
    position = 0
    for start, end in sorted(spans):
        if start >= position:
            yield start, end
            position = end
